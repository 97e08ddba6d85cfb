#!/bin/sh
# What one switch relays, from a source to a sink over P1, and beside it what Postfix
# relays over SMTP, in the same run on the same file system: messages per second, CPU
# time of all processes of each, and calls that force data to the disk, per message.
#
# usage: bench.sh DIRECTORY-OF-THE-COMMANDS       as root, with Postfix installed
#
# BENCH_ASSOCIATIONS  associations or sessions ("1 10 50")
# BENCH_MESSAGES      messages of a measurement (4000; a quarter of it over one)
# BENCH_SIZE          octets of a message (1024)
# BENCH_DIR           measure there, and not on a loop device with ext4
#
# Both are as they come, but for names and ports, and for the number of transfers to
# one peer at a time, which is Postfix's default, 20, on both sides. The figures are
# good for comparing the two with each other, not with those of another day or machine.
set -eu
bin=$(cd "${1:-bin}" && pwd)
associations=${BENCH_ASSOCIATIONS:-1 10 50}
messages=${BENCH_MESSAGES:-4000}
size=${BENCH_SIZE:-1024}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/mtakit-bench.XXXXXX")
chmod 755 "$dir" # Postfix works under several users
switch=127.0.0.1:11102 sink=127.0.0.1:11402 smtp=127.0.0.1:10825 smtpsink=127.0.0.1:10826

[ "$(id -u)" = 0 ] || { echo "bench: error: Postfix and the file system want root" >&2; exit 77; }

disk=
stop() {
	[ ! -f "$dir/etc/main.cf" ] || postfix -c "$dir/etc" abort >/dev/null 2>&1 || :
	[ ! -s "$dir/mtarun.pid" ] || { kill "$(cat "$dir/mtarun.pid")" 2>/dev/null && wait "$(cat "$dir/mtarun.pid")"; } || :
	if [ -n "$disk" ]; then
		tries=50
		until umount "$dir/disk" 2>/dev/null; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || { echo "bench: $dir/disk is still in use" >&2; return; }
			sleep 0.1
		done
		losetup -d "$disk"
	fi
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM

# The file system: ext4 with its journal, wholly allocated, past the page cache of the
# file system it lies on.
mkdir "$dir/disk"
if [ -n "${BENCH_DIR:-}" ]; then
	data=$(mktemp -d "$BENCH_DIR/mtakit-bench.XXXXXX")
	trap 'stop; rm -rf "$data"' EXIT
	echo "file system	$(stat -f -c %T "$data"), $BENCH_DIR"
elif fallocate -l 3G "$dir/image" && mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$dir/image" &&
	disk=$(losetup --direct-io=on -f --show "$dir/image") && mount "$disk" "$dir/disk"; then
	data=$dir/disk
	echo "file system	ext4 on a loop device"
else
	[ -z "$disk" ] || losetup -d "$disk"
	disk= data=$dir/disk
	echo "file system	$(stat -f -c %T "$data"), there being no loop device"
fi
chmod 755 "$data"
echo "machine	$(nproc) CPUs, Linux $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg)"
echo "postfix	$(postconf -d -h mail_version)"

# wait_for COMMAND...: until it succeeds
wait_for() {
	tries=100
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { echo "bench: gave up waiting for: $*" >&2; exit 1; }
		sleep 0.1
	done
}

# The switch.
"$bin/mtactl" init --name MTA-A --domain /PRMD=ALPHA/ADMD=TEST/C=GB/ --listen $switch "$data/switch"
sed -i 's/^kind = "x400p1"/&\nmax-jobs = 20\nmax-per-peer = 20/' "$data/switch/mta.toml"
cat >>"$data/switch/mta.toml" <<-END

	[[peer]]
	name = "SOURCE"
	channel = "p1"
	password-out = "secret of MTA-A"
	password-in = "secret of SOURCE"

	[[peer]]
	name = "SINK"
	channel = "p1"
	addresses = [{ host = "$sink" }]
	password-out = "secret of MTA-A"
	password-in = "secret of SINK"

	[[route]]
	match = "/PRMD=SINK/ADMD=TEST/C=GB/"
	peers = ["SINK"]
END
"$bin/mtarun" -C "$data/switch/mta.toml" 2>"$dir/switch.log" &
echo $! >"$dir/mtarun.pid"
wait_for "$bin/mtactl" -C "$data/switch/mta.toml" status

# Postfix: the distributed services, not in a chroot, behind a port of ours.
mkdir "$dir/etc" "$data/postfix" "$data/postfix/spool" "$data/postfix/lib"
chown postfix "$data/postfix/lib"
cat >"$dir/etc/main.cf" <<-END
	compatibility_level = 3.6
	command_directory = $(postconf -d -h command_directory)
	daemon_directory = $(postconf -d -h daemon_directory)
	queue_directory = $data/postfix/spool
	data_directory = $data/postfix/lib
	maillog_file = $data/postfix/log
	maillog_file_prefixes = $data
	multi_instance_enable = yes
	multi_instance_name = postfix-bench
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	myhostname = relay.test
	mydestination =
	local_recipient_maps =
	alias_maps =
	alias_database =
	mynetworks = 127.0.0.0/8
	relay_domains = sink.test
	relayhost = [${smtpsink%:*}]:${smtpsink#*:}
	smtp_dns_support_level = disabled
	smtp_host_lookup = native
END
cp /usr/share/postfix/master.cf.dist "$dir/etc/master.cf"
postconf -c "$dir/etc" -MX smtp/inet
postconf -c "$dir/etc" -Me "$smtp/inet = $smtp inet n - n - - smtpd"
postconf -c "$dir/etc" -F '*/*/chroot = n'
export MAIL_CONFIG="$dir/etc"
postfix -c "$dir/etc" start >"$dir/postfix.log" 2>&1 || { cat "$dir/postfix.log" "$data/postfix/log" >&2; exit 1; }
wait_for test -s "$data/postfix/spool/pid/master.pid"

# processes PID: it and all its descendants
processes() {
	# cat goes on where a process has ended meanwhile; awk would not
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
		{ pid = $1; sub(/^.*\) /, ""); parent[pid] = $2 }
		END {
			in_tree[root] = grown = 1
			while (grown) {
				grown = 0
				for (p in parent) if (!(p in in_tree) && (parent[p] in in_tree)) in_tree[p] = grown = 1
			}
			for (p in in_tree) print p
		}'
}
# cpu PID: microseconds used by it and its descendants, and by those that have ended
cpu() {
	# shellcheck disable=SC2046 # a list of files
	cat $(processes "$1" | sed 's,.*,/proc/&/stat,') 2>/dev/null |
		awk -v tick="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); t += $12 + $13 + $14 + $15 } END { printf "%.0f\n", t * 1e6 / tick }'
}
now() { date +%s%N; }
master() { tr -d ' ' <"$data/postfix/spool/pid/master.pid"; }

# Both print: messages relayed per second. They end when the sink has the last one.
relay_switch() { # COUNT ASSOCIATIONS
	"$bin/mtactl" -C "$data/switch/mta.toml" bench relay --peer SOURCE --sink-peer SINK \
		--from /S=Smith/PRMD=SOURCE/ADMD=TEST/C=GB/ --recipient /S=Jones/PRMD=SINK/ADMD=TEST/C=GB/ \
		--messages "$1" --associations "$2" --size "$size" >"$dir/out" 2>"$dir/relay.log" ||
		{ tail -n 5 "$dir/relay.log" "$dir/switch.log" >&2; exit 1; }
	sed -n 's,^messagesPerSecond	\([0-9]*\).*,\1,p' "$dir/out"
}
relay_postfix() {
	smtp-sink -u nobody -M "$1" $smtpsink 1000 &
	receiver=$!
	sleep 0.2
	begun=$(now)
	smtp-source -d -s "$2" -m "$1" -l "$size" -f from@source.test -t to@sink.test $smtp
	wait $receiver
	echo $(($1 * 1000000000 / ($(now) - begun)))
}

# measure WHAT ROOT COUNT ASSOCIATIONS: messages per second, CPU microseconds per message
measure() {
	used=$(cpu "$2")
	rate=$("relay_$1" "$3" "$4")
	echo "$rate $((($(cpu "$2") - used) / $3))"
}
# barriers WHAT ROOT COUNT ASSOCIATIONS: calls per message that wait for the disk
barriers() {
	# shellcheck disable=SC2046 # a list of processes
	strace -f -qq -c -U name,calls -o "$dir/calls" -e trace=fsync,fdatasync,syncfs,sync,msync \
		$(processes "$2" | sed 's/^/-p /') &
	tracer=$!
	sleep 1
	"relay_$1" "$3" "$4" >/dev/null
	sleep 1
	kill -INT $tracer
	wait $tracer || :
	awk -v n="$3" '$1 ~ /sync/ { calls += $2 } END { printf "%.2f\n", calls / n }' "$dir/calls"
}

# Both have their processes, and the disk its directories, before anything is measured.
measure switch "$(cat "$dir/mtarun.pid")" 500 10 >/dev/null
measure postfix "$(master)" 500 10 >/dev/null

printf 'associations\tmtakit: msg/s\tCPU us/msg\tbarriers/msg\tPostfix: msg/s\tCPU us/msg\tbarriers/msg\tratio msg/s\tratio CPU\n'
for n in $associations; do
	count=$messages
	[ "$n" != 1 ] || count=$((messages / 4))
	ours=$(measure switch "$(cat "$dir/mtarun.pid")" "$count" "$n")
	theirs=$(measure postfix "$(master)" "$count" "$n")
	traced=$((messages / 8))
	our_barriers=$(barriers switch "$(cat "$dir/mtarun.pid")" $traced "$n")
	their_barriers=$(barriers postfix "$(master)" $traced "$n")
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$n" "${ours% *}" "${ours#* }" "$our_barriers" \
		"${theirs% *}" "${theirs#* }" "$their_barriers" \
		"$(awk -v a="$ours" -v b="$theirs" 'BEGIN { split(a, x); split(b, y); printf "%.2f\t%.2f", x[1] / y[1], x[2] / y[2] }')"
done
