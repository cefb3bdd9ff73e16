# What `layout.sh` may use: `. "$FUNCTIONS"`. Needs `python3` for archives and hashes.

# provider TYPE VERSION: the only file of a package, on standard output
provider() {
    printf '#!/bin/sh\n# %s %s\nexit 1\n' "$1" "$2"
}

# unpacked DIRECTORY NAMESPACE TYPE VERSION [HOST [PLATFORM]]: a package in a mirror, as a directory
unpacked() {
    place=$1/${5:-$HOST}/$2/$3/$4/${6:-linux_amd64}
    mkdir -p "$place"
    provider "$3" "$4" > "$place/terraform-provider-$3_v$4"
    chmod 755 "$place/terraform-provider-$3_v$4"
}

# packed DIRECTORY NAMESPACE TYPE VERSION [HOST [PLATFORM]]: the same package in a mirror, as an archive
packed() {
    place=$1/${5:-$HOST}/$2/$3
    mkdir -p "$place"
    archive "$place/terraform-provider-$3_$4_${6:-linux_amd64}.zip" "terraform-provider-$3_v$4" "$(provider "$3" "$4")"
}

# archive FILE NAME TEXT [NAME TEXT]...: executables, or a directory if the name ends with `/`; each text gets a line break
archive() {
    python3 - "$@" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for name, text in zip(sys.argv[2::2], sys.argv[3::2]):
        entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
        entry.create_system = 3
        entry.external_attr = (0o40755 << 16 | 16) if name.endswith("/") else 0o100755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, "" if name.endswith("/") else text + "\n")
END
}

# h1 DIRECTORY: of a package
h1() {
    python3 - "$1" <<'END'
import base64, hashlib, os, sys
base = sys.argv[1]
names = sorted(os.path.relpath(os.path.join(at, name), base) for at, _, files in os.walk(base) for name in files)
digest = lambda name: hashlib.sha256(open(os.path.join(base, name), "rb").read()).hexdigest()
lines = "".join("%s  %s\n" % (digest(name), name) for name in names)
print("h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode())
END
}

# zh FILE: of an archive
zh() {
    echo "zh:$(sha256sum "$1" | cut -c 1-64)"
}

# locked ADDRESS VERSION HASH...: an entry of a lock file, on standard output
locked() {
    printf 'provider "%s" {\n  version = "%s"\n  hashes = [\n' "$1" "$2"
    shift 2
    printf '    "%s",\n' "$@"
    printf '  ]\n}\n'
}
