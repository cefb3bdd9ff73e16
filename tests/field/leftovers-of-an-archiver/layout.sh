. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source
echo 'resource "null_resource" "one" {}' > source/main.tf
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "mirror/$HOST/hashicorp/null/3.2.1/linux_amd64")" > source/.terraform.lock.hcl
echo x > "mirror/$HOST/hashicorp/null/3.2.1/linux_amd64/._terraform-provider-null_v3.2.1"
