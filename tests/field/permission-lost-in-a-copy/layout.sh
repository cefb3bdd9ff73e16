. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source home
echo 'resource "null_resource" "one" {}' > source/main.tf
package=mirror/$HOST/hashicorp/null/3.2.1/linux_amd64
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "$package")" > source/.terraform.lock.hcl
chmod 644 "$package"/*
