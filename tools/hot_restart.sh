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
# tried again RESTART_RETRIES times, 1 s, 2 s, 4 s, ... after each failure, and at the next SIGHUP. A SIGHUP while a restart
# is under way restarts once more when that one is final. When the process that serves dies, its draining parents are no
# service: all end. Ends with a non-zero status when no generation is left without having been told to.
# When a wrapper was killed, the next one with the same EPOCH_FILE takes over from the process that it left.
# Settings from the environment: BATON (program, default: baton next to this script's build, or in PATH), DRAIN_TIME_S
# (30), PARENT_SHUTDOWN_TIME_S (60), RESTART_RETRIES (0), EPOCH_FILE (none: where the present epoch is written).
set -u

if [[ -z "${BATON:-}" ]]; then
  built="$(dirname "$(readlink -f "$0")")/../bazel-bin/source/exe/baton"
  if [[ -x "$built" ]]; then BATON=$built; else BATON=baton; fi
fi
drain_time=${DRAIN_TIME_S:-30}
shutdown_time=${PARENT_SHUTDOWN_TIME_S:-60}
epoch_file=${EPOCH_FILE:-}
retries=${RESTART_RETRIES:-0}
options=("$@")

declare -A epoch_of   # pid -> epoch
declare -A phases_of  # pid -> descriptor on which it reports its phases
declare -A confirmed  # pids that have reported that their take-over is final
current=              # pid of the newest process
retries_left=0
back_off=1
timer=                # pid of the sleep that ends the wait
retrying=false        # the timer is for the next try
postponed=false       # a restart until the present one is final
next_epoch=0
orphan=false          # the first start tries to take over from a process that another wrapper has left
ending=false
status=0

say() { echo "hot_restart.sh: $*" >&2; }

set_epoch_file() {
  [[ -z "$epoch_file" ]] || echo "${epoch_of[$current]}" 2>/dev/null >"$epoch_file" || say "can't write $epoch_file"
}

start_epoch() {
  local phases
  exec {phases}<> <(:) # a pipe without a name
  BATON_PHASE_FD=$phases "$BATON" "${options[@]}" --restart-epoch "$next_epoch" --drain-time-s "$drain_time" \
    --parent-shutdown-time-s "$shutdown_time" &
  local pid=$!
  epoch_of[$pid]=$next_epoch
  phases_of[$pid]=$phases
  current=$pid
  say "epoch $next_epoch is pid $pid"
  set_epoch_file
  next_epoch=$((next_epoch + 1))
  # Told to end between its start and here: it was not known yet.
  ! $ending || kill -TERM "$pid" 2>/dev/null
  retrying=false
}

# Takes in what a process reports, until it has said nothing for so many seconds.
hear() {
  local report
  while read -r -t "$2" -u "${phases_of[$1]}" report; do
    [[ "$report" != CONFIRMED* ]] || confirmed[$1]=1
  done
}

restart() {
  hear "$current" 0.01
  if [[ -z "${confirmed[$current]:-}" ]]; then
    $postponed || say "epoch ${epoch_of[$current]} is not final yet; the restart follows then"
    postponed=true
    wake_in 0.5
    return
  fi
  postponed=false
  orphan=false
  if ! "$BATON" "${options[@]}" --mode validate >/dev/null; then
    say "the new configuration is refused; epoch $((next_epoch - 1)) serves on"
    return
  fi
  ! $ending || return
  stop_timer
  retries_left=$retries
  back_off=1
  start_epoch
}

stop_timer() {
  [[ -z "$timer" ]] || kill "$timer" 2>/dev/null
  timer=
  retrying=false
}

wake_in() {
  stop_timer
  sleep "$1" &
  timer=$!
}

signal_all() {
  local pid
  for pid in "${!epoch_of[@]}"; do kill "-$1" "$pid" 2>/dev/null; done
}

end_all() {
  ending=true
  stop_timer
  say "ending all generations"
  signal_all TERM
}

# A generation has ended: decides what that means.
ended() {
  local pid=$1 code=$2 epoch=${epoch_of[$1]} phases=${phases_of[$1]} was_confirmed
  hear "$pid" 0.1
  was_confirmed=${confirmed[$pid]:-}
  exec {phases}>&-
  unset "epoch_of[$pid]" "phases_of[$pid]" "confirmed[$pid]"
  say "epoch $epoch (pid $pid) ended with status $code"
  [[ "$pid" == "$current" ]] || return
  $ending && return
  status=$((code == 0 ? 1 : code))
  current=
  if $orphan && [[ -z "$was_confirmed" ]]; then
    orphan=false
    say "there is no epoch $((epoch - 1)) to take over from"
    next_epoch=0
    start_epoch
    return
  fi
  if [[ -n "$was_confirmed" ]]; then
    ((${#epoch_of[@]} > 0)) && say "epoch $epoch was the service; ending those that only drain"
    signal_all TERM
    return
  fi
  # The newest has failed. If an older one is alive it serves on, and the epoch is free for another try.
  for pid in "${!epoch_of[@]}"; do
    if [[ -z "$current" ]] || ((epoch_of[$pid] > epoch_of[$current])); then current=$pid; fi
  done
  if [[ -n "$current" ]]; then
    next_epoch=$((epoch_of[$current] + 1))
    set_epoch_file
    say "epoch ${epoch_of[$current]} serves on"
    if ! $postponed && ((retries_left > 0)); then
      say "epoch $next_epoch is tried again in $back_off s"
      wake_in "$back_off"
      retrying=true
      retries_left=$((retries_left - 1))
      back_off=$((2 * back_off))
    fi
  fi
}

hup=false
# With something to wait for that ends at once: a signal just before the wait would not end it.
trap 'hup=true; wake_in 0' HUP
trap end_all TERM INT
trap 'signal_all USR1' USR1
trap : CHLD

if [[ -n "$epoch_file" && -r "$epoch_file" && "$(<"$epoch_file")" =~ ^[0-9]{1,9}$ ]]; then
  orphan=true
  next_epoch=$((10#$(<"$epoch_file") + 1))
fi
start_epoch
while ((${#epoch_of[@]} > 0)); do
  # Ends at any signal, a child's end included.
  gone=
  wait -n -p gone "${!epoch_of[@]}" $timer
  code=$?
  if [[ -n "$timer" && "${gone:-}" == "$timer" ]]; then
    timer=
    if $postponed; then restart; elif $retrying; then start_epoch; fi
  elif [[ -n "${gone:-}" ]]; then
    ended "$gone" "$code"
  fi
  if $hup; then
    hup=false
    [[ -z "$current" ]] || $ending || restart
  fi
done
$ending && exit 0
say "no generation is left"
exit "$status"
