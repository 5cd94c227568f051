#!/usr/bin/env bash
# Saves the catalogue, Dagster's storage and the three buckets, and restores them. The key backup.json
# of the lake bucket tells the alarms when the last backup was made.
#
#   backup.sh save            to $TONGBAO_BACKUP
#   backup.sh list            what can be restored
#   backup.sh restore STAMP   into empty databases, created by infra/postgres, or an empty home
#
# The order matters. Saving dumps the catalogue first: only 'tongbao lake maintain' deletes files, so
# a copy of the bucket that is newer than the dump has all files that the dump refers to. The dump is
# stored last, after the copies, so that every stored dump can be restored.
# Restoring copies the files first and restores the catalogue last, in one transaction. It overwrites
# nothing: it refuses a database with tables, and keeps objects that are newer than their copy.
# 'tongbao lake maintain --dry-run' lists files that the restored catalogue doesn't know.
#
# Without PGHOST and PGSERVICE the catalogue is the SQLite file of a home (TONGBAO_CATALOG, or
# catalog.sqlite in TONGBAO_HOME), and without AWS_ENDPOINT_URL_S3 and AWS_ACCESS_KEY_ID the buckets are
# its folder s3. A home may be saved while it is in use, and is restored while nothing runs.
#
# Environment: libpq's variables (PGHOST, PGUSER, PGPASSWORD, …) for a superuser or the owner of the
# databases, the AWS_* variables of the store, TONGBAO_S3_ADDRESSING, SSL_CERT_FILE,
# TONGBAO_*_BUCKET, and
#   TONGBAO_BACKUP            a folder, or a remote:path for rclone
#   TONGBAO_BACKUP_DATABASES  default "tongbao dagster"
#   TONGBAO_BACKUP_DAYS       how many days dumps and replaced objects are kept. Default 35: a month,
#                             and a few days until a loss is noticed
set -euo pipefail
umask 077

usage() {
  echo "usage: backup.sh save | list | restore STAMP" >&2
  exit 2
}

command -v rclone >/dev/null || {
  echo "there is no rclone: it is in the folder bin of the project's virtual environment (PATH)" >&2
  exit 2
}
[ -n "${TONGBAO_BACKUP:-}" ] || { echo "TONGBAO_BACKUP is not set" >&2 && exit 2; }
home=${TONGBAO_HOME:-.tongbao}
catalog=""
databases=()
if [ -n "${PGHOST:-}${PGSERVICE:-}" ]; then
  read -ra databases <<<"${TONGBAO_BACKUP_DATABASES:-tongbao dagster}"
else
  catalog=${TONGBAO_CATALOG:-$home/catalog.sqlite}
fi
buckets=("${TONGBAO_LANDING_BUCKET:-landing}" "${TONGBAO_LAKE_BUCKET:-lake}"
  "${TONGBAO_PUBLICATION_BUCKET:-publication}")

store="store:"
if [ -z "${AWS_ENDPOINT_URL_S3:-}${AWS_ACCESS_KEY_ID:-}" ] && [ -n "$catalog" ]; then
  store=$home/s3/
fi
# The store is the remote "store:" of rclone; the keys stay in the environment.
export RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_ENV_AUTH=true
export RCLONE_CONFIG_STORE_PROVIDER=AWS RCLONE_CONFIG_STORE_REGION=${AWS_REGION:-us-east-1}
if [ -n "${AWS_ENDPOINT_URL_S3:-}" ]; then
  export RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_ENDPOINT=$AWS_ENDPOINT_URL_S3
fi
if [ "${TONGBAO_S3_ADDRESSING:-}" = virtual ]; then
  export RCLONE_CONFIG_STORE_FORCE_PATH_STYLE=false
fi
if [ -n "${AWS_CA_BUNDLE:-${SSL_CERT_FILE:-}}" ]; then
  export RCLONE_CA_CERT=${AWS_CA_BUNDLE:-$SSL_CERT_FILE}
fi
# Without a configuration of the user, rclone would say so at each call.
if [ ! -e "${RCLONE_CONFIG:-${XDG_CONFIG_HOME:-${HOME:-}/.config}/rclone/rclone.conf}" ] &&
  [ ! -e "${HOME:-}/.rclone.conf" ]; then
  export RCLONE_CONFIG=/dev/null
fi
# Use the modification time in the listing; rclone's own metadata would need a request per object.
export RCLONE_USE_SERVER_MODTIME=true RCLONE_UPDATE=true

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

save() {
  local stamp oldest bucket database folder
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  # Two backups that begin in the same second would write the same dump.
  while rclone lsf "$TONGBAO_BACKUP/catalogue/$stamp" >/dev/null 2>&1; do
    sleep 0.2
    stamp=$(date -u +%Y%m%dT%H%M%SZ)
  done
  for database in "${databases[@]}"; do
    pg_dump --format=custom --dbname="$database" --file="$work/$database.dump"
    echo "dumped $database: $(stat --format=%s "$work/$database.dump") bytes"
  done
  if [ -n "$catalog" ]; then
    [ -f "$catalog" ] || { echo "there is no catalogue $catalog" >&2 && exit 1; }
    # SQLite's own copy is consistent while a run writes.
    python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))' \
      "$catalog" "$work/catalog.dump"
    echo "dumped $catalog: $(stat --format=%s "$work/catalog.dump") bytes"
  fi
  (cd "$work" && sha256sum -- *.dump >SHA256SUMS)
  for bucket in "${buckets[@]}"; do
    # copy, not sync: objects deleted in the store are kept here; replaced ones are moved away.
    rclone copy "$store$bucket" "$TONGBAO_BACKUP/buckets/$bucket" \
      --backup-dir "$TONGBAO_BACKUP/replaced/$stamp/$bucket"
    echo "copied the bucket $bucket"
  done
  rclone copy "$work" "$TONGBAO_BACKUP/catalogue/$stamp"
  oldest=$(date -u --date="-${TONGBAO_BACKUP_DAYS:-35} days" +%Y%m%dT%H%M%SZ)
  rclone lsf --dirs-only --recursive --max-depth 2 --exclude '/buckets/**' "$TONGBAO_BACKUP" |
    while read -r folder; do
      [[ $folder =~ ^(catalogue|replaced)/([0-9TZ]+)/$ && ${BASH_REMATCH[2]} < $oldest ]] || continue
      rclone purge "$TONGBAO_BACKUP/$folder"
      echo "dropped ${folder%/}"
    done
  # Read by the alarms; written last, when everything has been saved.
  printf '{"stamp": "%s"}\n' "$stamp" | rclone rcat "$store${buckets[1]}/backup.json"
  echo "saved $stamp"
}

restore() {
  local stamp=$1 bucket database tables code said
  # rclone exits with 3 or 4 if the folder or the file is missing; otherwise the backup can't be read.
  code=0
  said=$(rclone lsf "$TONGBAO_BACKUP/catalogue/$stamp/SHA256SUMS" 2>&1) || code=$?
  if [ "$code" -eq 3 ] || [ "$code" -eq 4 ]; then
    echo "there is no backup $stamp: 'backup.sh list' shows what there is" >&2
    exit 1
  elif [ "$code" -ne 0 ]; then
    echo "the backup can't be read: $said" >&2
    exit 1
  fi
  rclone copy "$TONGBAO_BACKUP/catalogue/$stamp" "$work"
  (cd "$work" && sha256sum --check --quiet SHA256SUMS)
  if [ -n "$catalog" ] && [ -e "$catalog" ]; then
    echo "the catalogue $catalog exists: move it away first" >&2
    exit 1
  fi
  for database in "${databases[@]}"; do
    tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$database" --command \
      "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')")
    if [ "$tables" -ne 0 ]; then
      echo "the database $database holds $tables tables: restore into an empty one" >&2
      exit 1
    fi
  done
  for bucket in "${buckets[@]}"; do
    # rclone copies no empty folders, and exits with 3 if the folder is missing.
    code=0
    rclone lsf "$TONGBAO_BACKUP/buckets/$bucket" >/dev/null 2>&1 || code=$?
    if [ "$code" -eq 3 ]; then
      echo "the bucket $bucket was empty whenever it was saved"
      continue
    fi
    rclone copy "$TONGBAO_BACKUP/buckets/$bucket" "$store$bucket"
    echo "restored the bucket $bucket"
  done
  for database in "${databases[@]}"; do
    pg_restore --clean --if-exists --exit-on-error --single-transaction --dbname="$database" "$work/$database.dump"
    echo "restored $database"
  done
  if [ -n "$catalog" ]; then
    mkdir -p "$(dirname "$catalog")"
    cp "$work/catalog.dump" "$catalog.restoring"
    # SQLite would apply the log of a catalogue that was moved away to this one.
    rm -f "$catalog-wal" "$catalog-shm"
    mv "$catalog.restoring" "$catalog"
    echo "restored $catalog"
  fi
}

case "${1:-} $#" in
  "save 1") save ;;
  "list 1") rclone lsf --dirs-only "$TONGBAO_BACKUP/catalogue" ;;
  "restore 2") restore "$2" ;;
  *) usage ;;
esac
