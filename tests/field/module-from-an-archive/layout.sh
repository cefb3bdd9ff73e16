. "$FUNCTIONS"
mkdir -p source/vendor
archive source/vendor/m.zip module/main.tf 'terraform {
  required_providers {
    b = { source = "acme/b" }
  }
}'
(cd source/vendor && python3 -c 'import zipfile; zipfile.ZipFile("m.zip").extractall()' && tar czf m.tar.gz module && rm -r module)
case $1 in
zip) to=$PWD/source/vendor/m.zip//module ;;
file-url) to=file://$PWD/source/vendor/m.tar.gz//module ;;
relative) to=./vendor/m.zip//module ;;
bare) to=vendor/m.zip ;;
esac
printf 'module "m" {\n  source = "%s"\n}\n' "$to" > source/main.tf
