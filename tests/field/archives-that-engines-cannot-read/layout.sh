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
method() {
    python3 - "$package" "$name" "$1" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", getattr(zipfile, sys.argv[3])) as file:
    file.writestr(sys.argv[2], "#!/bin/sh\n" * 100)
END
}
case $1 in
bzip2) method ZIP_BZIP2 ;;
lzma) method ZIP_LZMA ;;
file-and-directory) archive "$package" a text a/b text "$name" '#!/bin/sh' ;;
long-name) archive "$package" "$(printf '%0300d' 0)" text "$name" '#!/bin/sh' ;;
pointer) printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' > "$package" ;;
truncated) archive "$package.all" "$name" '#!/bin/sh' && head -c 60 "$package.all" > "$package" && rm "$package.all" ;;
esac
locked "$HOST/acme/widget" 2.14.0 "$(zh "$package")" > source/.terraform.lock.hcl
