#!/bin/sh
# Starts the Redis of a container: start-redis.sh DIR CONF
#
# A server that is killed while it writes the effects of a script leaves half a transaction at the end of its log. It was
# never acknowledged; Redis 8.2 would append behind it, and execute it after the load after the next. It is cut off here
# before Redis loads the log. A log that is damaged in any other way stays as it is, and the server does not start.
# Redis ignores files that its manifest does not list. A manifest that lost a line loses what was acknowledged, so every
# file must be listed, unless Redis itself leaves it in a rewrite: see privacy/embedded/log_files.py for the order.
set -eu
export LC_ALL=C
conf=$2
max_torn_bytes=67108864
manifest=appendonly.aof.manifest

# Whether the end of the log, from byte $2 on, is one transaction or one command without its end.
is_torn() {
  rest() { tail -c +"$(($2 + 1))" "$1"; }
  count() { rest "$1" "$2" | grep -a -c "$3" || true; }
  # An EXEC with its line end: what is before it is whole, and may have been acknowledged.
  if rest "$1" "$2" | tr '\r\n' '\1\2' | grep -a -q "$(printf '\002EXEC\001\002')"; then return 1; fi
  begins=$(rest "$1" "$2" | head -c 15 | tr -d '\r\n' | tr '\0' '#')
  case '*1$5MULTI' in "$begins"*) [ "$(count "$1" "$2" '^MULTI')" -le 1 ] && return 0 ;; esac
  case $begins in '*'[0-9]*) [ "$(count "$1" "$2" '^\*[0-9]')" = 1 ] && return 0 ;; esac
  return 1
}

refuse() {
  echo "start-redis: $PWD: $1: restore the whole folder" >&2
  exit 1
}

# Names and numbers of the files that the manifest lists under a letter: b(ase), i(ncr) or h(istory).
list_names() { sed -n "s/^file \([^ ]*\) seq [0-9]* type $1.*/\1/p" "$manifest"; }
list_numbers() { sed -n "s/^file [^ ]* seq \([0-9]*\) type $1.*/\1/p" "$manifest"; }

# Without a manifest, only what the first start writes before it may be here: an empty base, and an empty incr file.
require_unused() {
  [ ! -e closed-at ] || refuse "a server has ended here, and there is no $manifest"
  for file in appendonly.aof appendonly.aof.*.base.rdb appendonly.aof.*.base.aof appendonly.aof.*.incr.aof; do
    [ -e "$file" ] || continue
    case $file in
      appendonly.aof.1.base.rdb) [ "$(wc -c < "$file")" -gt 256 ] || continue ;;
      appendonly.aof.1.incr.aof) [ -s "$file" ] || continue ;;
    esac
    refuse "there are files of a log, but no $manifest"
  done
}

# Whatever the manifest lists is here, and nothing else is, except what a rewrite makes before it writes the manifest.
require_whole() {
  damaged="$manifest is damaged, which must list one base file, and incr files without a gap"
  if [ -n "$(tail -c 1 "$manifest" | tr '\0' '#')" ]; then refuse "$damaged"; fi
  if grep -a -v -q -E '^(#.*|file [^ ]+ seq [1-9][0-9]* type [bhi]( .*)?)$' "$manifest"; then refuse "$damaged"; fi
  [ "$(list_names b | wc -l)" -eq 1 ] || refuse "$damaged"
  newest=
  for number in $(list_numbers i); do
    [ -z "$newest" ] || [ "$number" -eq "$((newest + 1))" ] || refuse "$damaged"
    newest=$number
  done
  [ -n "$newest" ] || refuse "$damaged"
  for file in $(list_names b) $(list_names i); do
    [ -f "$file" ] || refuse "$file is missing"
    case $file in *.rdb) [ -s "$file" ] || refuse "$file is empty" ;; esac
  done
  base=$(list_numbers b)
  for file in appendonly.aof appendonly.aof.*.base.rdb appendonly.aof.*.base.aof appendonly.aof.*.incr.aof; do
    [ -e "$file" ] || continue
    if list_names '[bhi]' | grep -a -q -x -F "$file"; then continue; fi
    case $file in
      "appendonly.aof.$((newest + 1)).incr.aof") [ -s "$file" ] || continue ;;
      "appendonly.aof.$((base + 1)).base."*) continue ;;
    esac
    refuse "$file is not listed in $manifest"
  done
}

cut_torn_end() {
  if said=$(redis-check-aof "$manifest" 2>&1 < /dev/null); then return; fi
  log=$(list_names i | tail -n 1)
  whole=$(printf '%s\n' "$said" | sed -n "s/^AOF analyzed: filename=$log, size=[0-9]*, ok_up_to=\([0-9]*\),.*/\1/p")
  size=$(wc -c < "${log:-/dev/null}")
  if [ -z "$whole" ] || [ $((size - whole)) -gt $max_torn_bytes ] || ! is_torn "$log" "$whole"; then
    echo "start-redis: the log in $PWD is damaged, and not only torn at its end: restore a backup. $said" >&2
    exit 1
  fi
  truncate -s "$whole" "$log"
  sync "$log"
  echo "start-redis: $((size - whole)) bytes of a transaction that was never acknowledged were cut off $log" >&2
}

if [ -d "$1/appendonlydir" ]; then
  cd "$1/appendonlydir"
  if [ ! -e "$manifest" ]; then
    require_unused
  else
    require_whole
    cut_torn_end
  fi
fi
exec redis-server "$conf"
