#!/bin/sh
# Starts the Redis of a container: start-redis.sh DIR CONF
#
# A server that is killed while it writes the effects of a script leaves half a transaction at the end of its log. It was
# never acknowledged; Redis 8.2 would append behind it, and execute it after the load after the next. It is cut off here
# before Redis loads the log. A log that is damaged in any other way stays as it is, and the server does not start.
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

if [ -f "$1/appendonlydir/$manifest" ]; then
  cd "$1/appendonlydir"
  if ! said=$(redis-check-aof "$manifest" 2>&1 < /dev/null); then
    log=$(sed -n 's/^file \([^ ]*\) seq [0-9]* type i.*/\1/p' "$manifest" | tail -n 1)
    whole=$(printf '%s\n' "$said" | sed -n "s/^AOF analyzed: filename=$log, size=[0-9]*, ok_up_to=\([0-9]*\),.*/\1/p")
    size=$(wc -c < "${log:-/dev/null}")
    if [ -z "$whole" ] || [ $((size - whole)) -gt $max_torn_bytes ] || ! is_torn "$log" "$whole"; then
      echo "start-redis: the log in $PWD is damaged, and not only torn at its end: restore a backup. $said" >&2
      exit 1
    fi
    truncate -s "$whole" "$log"
    sync "$log"
    echo "start-redis: $((size - whole)) bytes of a transaction that was never acknowledged were cut off $log" >&2
  fi
fi
exec redis-server "$conf"
