mkdir -p source/terraform.tfstate.d/a source/terraform.tfstate.d/b home
text='credentials "app.example.com" { token = "not-a-real-token" }'
echo "$text" > home/environment
case $1 in
file) mkdir source/.terraform && ln -s ../../home/environment source/.terraform/environment ;;
directory) ln -s ../home source/.terraform ;;
text) mkdir source/.terraform && echo "$text" > source/.terraform/environment ;;
esac
cat > source/main.tf <<'END'
terraform {
  backend "local" {}
}
END
git -C source init --quiet
git -C source add --force .
