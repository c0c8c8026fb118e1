#!/usr/bin/env bash
# Keeps one baton running over hot restarts, for init systems that know one process only (and as PID 1 of a container).
#
#   tools/hot_restart.sh [BATON OPTIONS...]
#
#   SIGHUP   starts a new process with the next epoch, which takes over; the old one drains and ends
#   SIGTERM  ends all generations (SIGINT likewise)
#   SIGUSR1  makes all generations reopen their logs
#
# A new configuration is validated first, and a new process that fails never costs the healthy one: the same epoch is
# tried again at the next SIGHUP. Ends with a non-zero status when no generation is left without having been told to.
# Settings from the environment: BATON (program, default: baton next to this script's build, or in PATH), DRAIN_TIME_S
# (30), PARENT_SHUTDOWN_TIME_S (60), EPOCH_FILE (none: where the present epoch is written).
set -u

if [[ -z "${BATON:-}" ]]; then
  built="$(dirname "$(readlink -f "$0")")/../bazel-bin/source/exe/baton"
  if [[ -x "$built" ]]; then BATON=$built; else BATON=baton; fi
fi
drain_time=${DRAIN_TIME_S:-30}
shutdown_time=${PARENT_SHUTDOWN_TIME_S:-60}
epoch_file=${EPOCH_FILE:-}
options=("$@")

declare -A epoch_of  # pid -> epoch
current=             # pid of the newest process that serves
next_epoch=0
ending=false
status=0

say() { echo "hot_restart.sh: $*" >&2; }

start_epoch() {
  "$BATON" "${options[@]}" --restart-epoch "$next_epoch" --drain-time-s "$drain_time" \
    --parent-shutdown-time-s "$shutdown_time" &
  local pid=$!
  epoch_of[$pid]=$next_epoch
  current=$pid
  say "epoch $next_epoch is pid $pid"
  [[ -n "$epoch_file" ]] && echo "$next_epoch" >"$epoch_file"
  next_epoch=$((next_epoch + 1))
}

restart() {
  $ending && return
  if ! "$BATON" "${options[@]}" --mode validate >/dev/null; then
    say "the new configuration is refused; epoch $((next_epoch - 1)) serves on"
    return
  fi
  start_epoch
}

signal_all() {
  local pid
  for pid in "${!epoch_of[@]}"; do kill "-$1" "$pid" 2>/dev/null; done
}

end_all() {
  ending=true
  say "ending all generations"
  signal_all TERM
}

# A generation has ended: decides what that means.
ended() {
  local pid=$1 code=$2 epoch=${epoch_of[$1]}
  unset "epoch_of[$pid]"
  say "epoch $epoch (pid $pid) ended with status $code"
  [[ "$pid" == "$current" ]] || return
  $ending && return
  status=$((code == 0 ? 1 : code))
  # The newest has failed. If an older one is alive it serves on, and the epoch is free for another try.
  current=
  for pid in "${!epoch_of[@]}"; do
    if [[ -z "$current" ]] || ((epoch_of[$pid] > epoch_of[$current])); then current=$pid; fi
  done
  if [[ -n "$current" ]]; then
    next_epoch=$((epoch_of[$current] + 1))
    say "epoch ${epoch_of[$current]} serves on"
  fi
}

hup=false
trap 'hup=true' HUP
trap end_all TERM INT
trap 'signal_all USR1' USR1
trap : CHLD

start_epoch
while ((${#epoch_of[@]} > 0)); do
  # Ends at any signal, a child's end included.
  gone=
  wait -n -p gone "${!epoch_of[@]}"
  code=$?
  [[ -n "${gone:-}" ]] && ended "$gone" "$code"
  if $hup; then
    hup=false
    restart
  fi
done
$ending && exit 0
say "no generation is left"
exit "$status"
