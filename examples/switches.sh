# What the scripts beside this file share: commands, a directory, three switches. Read
# by them with ".", with the directory of the commands as $1.
set -eu
bin=$(cd "${1:-bin}" && pwd)
PATH=$bin:$PATH
dir=$(mktemp -d "${TMPDIR:-/tmp}/mtakit-example.XXXXXX")
pids=
stop() {
	for pid in $pids; do kill "$pid" 2>/dev/null || :; done
	for pid in $pids; do wait "$pid" 2>/dev/null || :; done
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM

say() { printf '\n=== %s\n' "$*"; }
# run COMMAND...: what is shown can be typed
run() {
	printf '$'
	for word; do
		case $word in
		*[!A-Za-z0-9_./:=@,%+-]* | '') printf " '%s'" "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	echo
	"$@"
}
# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	tries=$(($1 * 10)); shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { echo "gave up waiting for: $*" >&2; cat "$dir"/*/stderr >&2; exit 1; }
		sleep 0.1
	done
}
# at SWITCH COMMAND...: the command with the configuration of a switch
at() { s=$1 c=$2; shift 2; "$c" -C "$dir/$s/mta.toml" "$@"; }
address() { sed -n '/^\[\[listener\]\]/,/^$/s/^address = "\(.*\)"/\1/p' "$dir/$1/mta.toml"; }
# peer OF NAME OTHER: a peer of switch OF
peer() {
	cat >>"$dir/$1/mta.toml" <<-END

		[[peer]]
		name = "$2"
		channel = "p1"
		addresses = [{ host = "$(address "$3")", tsel = "$2" }]
		password-out = "secret of MTA-$(echo "$1" | tr a-z A-Z)"
		password-in = "secret of $2"
	END
}
route() {
	printf '\n[[route]]\nmatch = "%s"\npeers = ["%s"]\n' "$2" "$3" >>"$dir/$1/mta.toml"
}
user() {
	printf '\n[[user]]\naddress = "%s"\nmailbox = "%s"\n' "$2" "$3" >>"$dir/$1/mta.toml"
}

alpha=/PRMD=ALPHA/ADMD=TEST/C=GB/
bravo=/PRMD=BRAVO/ADMD=TEST/C=GB/
charlie=/PRMD=CHARLIE/ADMD=TEST/C=GB/
ann=/G=Ann/S=Smith/O=Org$alpha
bob=/G=Bob/S=Jones/O=Org$bravo
carol=/G=Carol/S=Brown/O=Org$charlie
ghost=/G=Gus/S=Ghost/O=Org$charlie

# switches: A (ALPHA) sends through B (BRAVO) to C (CHARLIE), and they to it.
switches() {
	run mtactl init --name MTA-A --domain $alpha --listen 127.0.0.1:0 "$dir/a"
	run mtactl init --name MTA-B --domain $bravo --listen 127.0.0.1:0 "$dir/b"
	run mtactl init --name MTA-C --domain $charlie --listen 127.0.0.1:0 "$dir/c"
	peer a MTA-B b
	peer b MTA-A a
	peer b MTA-C c
	peer c MTA-B b
	route a $bravo MTA-B
	route a $charlie MTA-B
	route b $alpha MTA-A
	route b $charlie MTA-C
	route c $alpha MTA-B
	route c $bravo MTA-B
	user b "$bob" mailbox/bob
	user c "$carol" mailbox/carol
}
begin() {
	# Whoever is called first stands first, so that nobody calls in vain.
	for s in c b a; do
		mtactl -C "$dir/$s/mta.toml" config check
		mtarun -C "$dir/$s/mta.toml" 2>"$dir/$s/stderr" &
		pids="$pids $!"
		wait_for 20 mtactl -C "$dir/$s/mta.toml" status
	done
}
finish() {
	for pid in $pids; do kill "$pid"; done
	for pid in $pids; do wait "$pid"; done
	pids=
	for s in a b c; do run mtactl -C "$dir/$s/mta.toml" check; done
}
