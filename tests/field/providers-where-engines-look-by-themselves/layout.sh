. "$FUNCTIONS"
mkdir -p source home mirror
unpacked home/.terraform.d/plugins acme widget 2.1.0
unpacked source/terraform.d/plugins acme inhouse 1.0.0 registry.example.com
cat > source/main.tf <<'END'
terraform {
  required_providers {
    inhouse = { source = "registry.example.com/acme/inhouse" }
    widget  = { source = "acme/widget" }
  }
}
END
{
    locked "$HOST/acme/widget" 2.1.0 "$(h1 "home/.terraform.d/plugins/$HOST/acme/widget/2.1.0/linux_amd64")"
    locked registry.example.com/acme/inhouse 1.0.0 \
        "$(h1 source/terraform.d/plugins/registry.example.com/acme/inhouse/1.0.0/linux_amd64)"
} > source/.terraform.lock.hcl
