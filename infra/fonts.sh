#!/bin/sh
# Fetches Fandol's 仿宋, 楷体, 黑体 and 宋体 into a folder: infra/fonts.sh FOLDER
# They are from the Debian package texlive-lang-chinese, and each must have the sha256 that is noted
# in fonts.sha256. Needs apt-get (with package lists), dpkg-deb and no rights.
set -eu
sums=$(cd "$(dirname "$0")" && pwd)/fonts.sha256
mkdir -p "$1"
folder=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
apt-get download --quiet -o APT::Sandbox::User="$(id -un)" texlive-lang-chinese
dpkg-deb --extract texlive-lang-chinese_*.deb package
cd package/usr/share/texlive/texmf-dist/fonts/opentype/public/fandol
sha256sum --check --strict --quiet "$sums"
cut -c 67- "$sums" | xargs -I{} cp {} "$folder"
