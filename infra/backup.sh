#!/usr/bin/env bash
# Saves the catalogue, Dagster's storage and the three buckets, and restores them.
#
#   backup.sh save            to $TONGBAO_BACKUP
#   backup.sh list            what can be restored
#   backup.sh restore STAMP   into empty databases, which infra/postgres has made
#
# The order matters. Saving dumps the catalogue first: no file that it names is deleted before
# 'tongbao lake maintain' says so, so a copy of the bucket that is newer than the dump holds all that
# the dump names. The dump is put beside the copies last: a dump that is there can be restored.
# Restoring brings the files first and the catalogue last, in one transaction. It overwrites nothing:
# a database that holds tables is refused, an object of the store that is newer than its copy stays.
# Files that the restored catalogue doesn't know are found by 'tongbao lake maintain --dry-run'.
#
# Environment: libpq's (PGHOST, PGUSER, PGPASSWORD …: a superuser, or who owns the databases), the
# AWS_* of the store, TONGBAO_*_BUCKET, and
#   TONGBAO_BACKUP            a folder, or remote:path of rclone
#   TONGBAO_BACKUP_DATABASES  default "tongbao dagster"
#   TONGBAO_BACKUP_DAYS       how long dumps and replaced objects are kept. Default 35: a month, and
#                             the days until somebody looks
set -euo pipefail
umask 077

usage() {
  echo "usage: backup.sh save | list | restore STAMP" >&2
  exit 2
}

[ -n "${TONGBAO_BACKUP:-}" ] || { echo "TONGBAO_BACKUP is not set" >&2 && exit 2; }
read -ra databases <<<"${TONGBAO_BACKUP_DATABASES:-tongbao dagster}"
buckets=("${TONGBAO_LANDING_BUCKET:-landing}" "${TONGBAO_LAKE_BUCKET:-lake}"
  "${TONGBAO_PUBLICATION_BUCKET:-publication}")

# The store as rclone's remote "store:"; the keys stay in the environment.
export RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_ENV_AUTH=true
export RCLONE_CONFIG_STORE_PROVIDER=AWS RCLONE_CONFIG_STORE_REGION=${AWS_REGION:-us-east-1}
if [ -n "${AWS_ENDPOINT_URL_S3:-}" ]; then
  export RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_ENDPOINT=$AWS_ENDPOINT_URL_S3
fi
# The server's own time of an object, which the listing has; rclone's note costs a request each.
export RCLONE_USE_SERVER_MODTIME=true RCLONE_UPDATE=true

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

save() {
  local stamp oldest bucket database folder
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  # Of two that begin within one second, the later one would write over the earlier one's dump.
  while rclone lsf "$TONGBAO_BACKUP/catalogue/$stamp" >/dev/null 2>&1; do
    sleep 0.2
    stamp=$(date -u +%Y%m%dT%H%M%SZ)
  done
  for database in "${databases[@]}"; do
    pg_dump --format=custom --dbname="$database" --file="$work/$database.dump"
    echo "dumped $database: $(stat --format=%s "$work/$database.dump") bytes"
  done
  (cd "$work" && sha256sum -- *.dump >SHA256SUMS)
  for bucket in "${buckets[@]}"; do
    # copy, never sync: what is gone from the store stays here; what was replaced moves aside.
    rclone copy "store:$bucket" "$TONGBAO_BACKUP/buckets/$bucket" \
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
  echo "saved $stamp"
}

restore() {
  local stamp=$1 bucket database tables code
  if ! rclone lsf "$TONGBAO_BACKUP/catalogue/$stamp/SHA256SUMS" >/dev/null 2>&1; then
    echo "there is no backup $stamp: 'backup.sh list' shows what there is" >&2
    exit 1
  fi
  rclone copy "$TONGBAO_BACKUP/catalogue/$stamp" "$work"
  (cd "$work" && sha256sum --check --quiet SHA256SUMS)
  for database in "${databases[@]}"; do
    tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$database" --command \
      "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')")
    if [ "$tables" -ne 0 ]; then
      echo "the database $database holds $tables tables: restore into an empty one" >&2
      exit 1
    fi
  done
  for bucket in "${buckets[@]}"; do
    # rclone copies no empty folder, and leaves with 3 where there is none.
    code=0
    rclone lsf "$TONGBAO_BACKUP/buckets/$bucket" >/dev/null 2>&1 || code=$?
    if [ "$code" -eq 3 ]; then
      echo "the bucket $bucket was empty whenever it was saved"
      continue
    fi
    rclone copy "$TONGBAO_BACKUP/buckets/$bucket" "store:$bucket"
    echo "restored the bucket $bucket"
  done
  for database in "${databases[@]}"; do
    pg_restore --clean --if-exists --exit-on-error --single-transaction --dbname="$database" "$work/$database.dump"
    echo "restored $database"
  done
}

case "${1:-} $#" in
  "save 1") save ;;
  "list 1") rclone lsf --dirs-only "$TONGBAO_BACKUP/catalogue" ;;
  "restore 2") restore "$2" ;;
  *) usage ;;
esac
