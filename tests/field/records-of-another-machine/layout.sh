mkdir -p source/.terraform/modules/one
echo 'output "a" { value = 1 }' > source/.terraform/modules/one/main.tf
printf 'module "one" {\n  source = "git::https://git.example.com/acme/one.git?ref=v1"\n}\n' > source/main.tf
case $1 in
windows) directory='.terraform\\\\modules\\\\one' ;;
absolute) directory=/home/ci/work/.terraform/modules/one ;;
esac
printf '{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"one","Source":"git::https://git.example.com/acme/one.git?ref=v1","Dir":"'"$directory"'"}]}' \
    > source/.terraform/modules/modules.json
