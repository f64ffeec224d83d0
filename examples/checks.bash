# What examples/demo looks at, and how it says so. Expects $hotplate, $in, $to, $state and $daemon.

say() { printf '\n== %s\n' "$1"; }

fail() {
  echo "FAILED: $1" >&2
  exit 1
}

now() { date +%s%3N; }

# within SECONDS WHAT COMMAND…: runs the command until it succeeds. Each try is its own pace but for a breath of
# 5 ms: neither files nor commands tell when they change.
within() {
  local deadline=$(( $(now) + $1 * 1000 )) what=$2
  shift 2
  until "$@"; do
    kill -0 "$daemon" 2>/dev/null || fail "the daemon is gone"
    (( $(now) < deadline )) || fail "waited too long for $what"
    read -rt 0.005 <> <(:) || true
  done
}

jobs_json() { "$hotplate" jobs --json --state "$state"; }

# job_is STATE PLACE [REASON]: whether the newest job from a directory that ends in PLACE is in that state. A job that
# ended otherwise will not come round.
job_is() {
  local job found
  job=$(jobs_json | jq -r --arg place "$2" \
    'map(select(.source.directory | endswith($place)))[0] | "\(.state) \(.reason.code) \(.reason.message)"')
  found=${job%% *}
  case $found in
    "$1") [[ -z ${3-} || $job == "$1 $3 "* ]] || fail "the job from $2: $job, not $3" ;;
    done | cancelled | failed | held) fail "the job from $2: $job, not $1" ;;
    *) return 1 ;;
  esac
}

# Whether the job from a directory that ends in $1 has half of its frames in staging.
half_staged() {
  local counts
  counts=$(jobs_json | jq -r --arg place "$1" \
    'map(select(.source.directory | endswith($place)))[0] | select(. != null) | "\(.state) \(.frames.staged) \(.frames.expected)"')
  [[ $counts ]] || return 1
  set -- $counts
  [[ $1 != done && $1 != committing ]] || fail "the copy was over before half of it was seen"
  (( $3 > 0 && 2 * $2 >= $3 ))
}

no_staging() { [[ -z $(find "$to" -name '.hotplate-*' -print -quit) ]]; }

same() { cmp -- "$1" "$2" || fail "$2 is not what was sent"; }

# fingerprint DIR [CONDITION…]: names, sizes, times, inodes of all files; of directories the names. Equal before and
# after: not a byte was written, for no write keeps a file's time of change (%C).
fingerprint() {
  local place=$1
  shift
  ( cd "$place" && find . -mindepth 1 "$@" \( -type d -printf '%P/\n' -o -printf '%P %s %T@ %C@ %i\n' \) | LC_ALL=C sort )
}

# What lies at the destination, one line a directory; hidden entries as well.
show() {
  echo
  echo "at the destination:"
  ( cd "$to" && find . -type f -printf '%h/\t%f\t%s\n' | LC_ALL=C sort ) | awk -F'\t' '
    function line() { if (n) printf("  %s  %s%s  (%d, %.1f MB)\n", dir, first, (n > 1 ? " … " last : ""), n, bytes / 1e6) }
    $1 != dir { line(); dir = $1; first = $2; n = 0; bytes = 0 }
    { last = $2; n++; bytes += $3 }
    END { line() }'
  echo
  "$hotplate" jobs --state "$state"
}
