. "$FUNCTIONS"
mkdir -p source
echo 'resource "null_resource" "one" {}' > source/main.tf
unpacked mirror hashicorp null 3.2.1
package=mirror/$HOST/hashicorp/null/3.2.1/linux_amd64
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 $package)" > source/.terraform.lock.hcl
chmod 644 $package/*
if [ "$1" = in-the-archive ]; then
    zip -q -j "mirror/$HOST/hashicorp/null/terraform-provider-null_3.2.1_linux_amd64.zip" $package/*
    rm -r "mirror/$HOST/hashicorp/null/3.2.1"
fi
