# A stack whose lock file has lost its name.
. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source
echo 'resource "null_resource" "one" {}' > source/main.tf
case $1 in
no-dot) place=source/terraform.lock.hcl ;;
text) place=source/.terraform.lock.hcl.txt ;;
dash) place=source/.terraform-lock.hcl ;;
parent) place=.terraform.lock.hcl ;;
esac
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "mirror/$HOST/hashicorp/null/3.2.1/linux_amd64")" > "$place"
