. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source home
echo 'resource "null_resource" "one" {}' > source/main.tf
package=mirror/$HOST/hashicorp/null/3.2.1/linux_amd64
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "$package")" > source/.terraform.lock.hcl
git -C source init --quiet
case $1 in
package-of-another-platform)
    unpacked source/.terraform/providers acme widget 1.0.0 "$HOST" darwin_arm64
    git -C source add --force .
    ;;
plugin) mkdir -p source/terraform.d/plugins/linux_amd64 && printf '#!/bin/sh\n' > source/terraform.d/plugins/linux_amd64/terraform-provisioner-x && chmod 755 source/terraform.d/plugins/linux_amd64/terraform-provisioner-x ;;
ignored-lock-file) echo '*.lock.hcl' > source/.gitignore ;;
esac
