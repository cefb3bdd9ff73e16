mkdir -p source modules/modules/a
cd modules
git init --quiet -b main
echo 'output "a" { value = 1 }' > modules/a/main.tf
git add .
git -c user.name=a -c user.email=a@example.com commit --quiet -m a
git tag v1.0.0
cd ..
directory=a reference=v1.0.0
case $1 in
reference) reference=v9.9.9 ;;
subdirectory) directory=other ;;
esac
printf 'module "a" {\n  source = "git::file://%s/modules//modules/%s?ref=%s"\n}\n' "$PWD" $directory $reference > source/main.tf
