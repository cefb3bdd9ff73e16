. "$FUNCTIONS"
place=mirror/$HOST/acme/widget
package=$place/terraform-provider-widget_2.14.0_linux_amd64.zip
mkdir -p source "$place"
cat > source/main.tf <<'END'
terraform {
  required_providers {
    widget = {
      source = "acme/widget"
    }
  }
}
END
name=terraform-provider-widget_v2.14.0
case $1 in
with-entry) archive "$package" release/ "" "release/$name" '#!/bin/sh' ;;
without-entry) archive "$package" "release/$name" '#!/bin/sh' ;;
back-slash) archive "$package" "release\\$name" '#!/bin/sh' ;;
esac
locked "$HOST/acme/widget" 2.14.0 "$(zh "$package")" > source/.terraform.lock.hcl
