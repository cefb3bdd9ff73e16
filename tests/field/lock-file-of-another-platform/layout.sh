. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source home
echo 'resource "null_resource" "one" {}' > source/main.tf
package=mirror/$HOST/hashicorp/null/3.2.1/linux_amd64
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "$package")" > source/.terraform.lock.hcl
packed mirror/.airtight/archives hashicorp null 3.2.1
zh=$(zh "mirror/.airtight/archives/$HOST/hashicorp/null/terraform-provider-null_3.2.1_linux_amd64.zip")
case $1 in
h1-of-another-platform) other=h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ;;
zh-only) other= ;;
esac
locked "$HOST/hashicorp/null" 3.2.1 $other "$zh" > source/.terraform.lock.hcl
