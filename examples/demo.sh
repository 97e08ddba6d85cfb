#!/bin/sh
# Three switches on loopback: A (ALPHA) sends through B (BRAVO) to C (CHARLIE). An
# urgent message with a file goes to Carol behind C and to Bob on B, another to an
# address that does not exist; then the originator reads what came back.
#
# usage: demo.sh DIRECTORY-OF-THE-COMMANDS
set -eu
bin=$(cd "${1:-bin}" && pwd)
PATH=$bin:$PATH
dir=$(mktemp -d "${TMPDIR:-/tmp}/mtakit-demo.XXXXXX")
pids=
stop() {
	for pid in $pids; do kill "$pid" 2>/dev/null || :; done
	for pid in $pids; do wait "$pid" 2>/dev/null || :; done
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM

say() { printf '\n=== %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	tries=$(($1 * 10)); shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { echo "demo: gave up waiting for: $*" >&2; cat "$dir"/*/stderr >&2; exit 1; }
		sleep 0.1
	done
}
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

say "Three switches"
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
for s in a b c; do mtactl -C "$dir/$s/mta.toml" config check; done

say "Where does Carol's mail go from A, and why?"
run mtaroute -C "$dir/a/mta.toml" explain "$carol"

say "A message is submitted while no daemon runs: it is on disk all the same"
head -c 3000 /dev/urandom >"$dir/picture.bin"
printf 'Dear Carol, dear Bob,\n\nthe meeting is at noon.\n\nAnn\n' >"$dir/text"
id=$(mtasubmit -C "$dir/a/mta.toml" --from $ann --to $carol --to $bob --subject "Meeting at noon" \
	--priority urgent --report delivery --attach "$dir/picture.bin" "$dir/text")
gone=$(echo "Are you there?" | mtasubmit -C "$dir/a/mta.toml" --from $ann --to $ghost --subject "Hello" --report delivery)
echo "submitted $id and $gone"
run mtaqueue -C "$dir/a/mta.toml" list

say "The switches start"
for s in a b c; do
	mtarun -C "$dir/$s/mta.toml" 2>"$dir/$s/stderr" &
	pids="$pids $!"
done
for s in a b c; do wait_for 20 mtactl -C "$dir/$s/mta.toml" status; done
run mtactl -C "$dir/a/mta.toml" ping MTA-B

say "Everything arrives"
# The originator gets three reports: Carol, Bob, and the one who does not exist.
reports() { [ "$(ls "$dir/a/mailbox/ann/" | grep -c 'json$')" -ge 3 ]; }
wait_for 60 reports
wait_for 20 ls "$dir"/c/mailbox/carol/*.json "$dir"/b/mailbox/bob/*.json
run mtaqueue -C "$dir/a/mta.toml" tree

say "What Carol reads, on C"
mkdir "$dir/saved"
run mtactl read --save "$dir/saved" "$dir"/c/mailbox/carol/*.json
cmp "$dir/picture.bin" "$dir/saved/picture.bin"
echo "the attachment is the file that was sent, octet for octet"

say "What Ann reads, on A: the reports"
for report in "$dir"/a/mailbox/ann/*.json; do run mtactl read "$report"; done

say "What A remembers of the message"
run mtactl -C "$dir/a/mta.toml" track "$id"

say "The switches stop"
for pid in $pids; do kill "$pid"; done
for pid in $pids; do wait "$pid"; done
pids=
for s in a b c; do run mtactl -C "$dir/$s/mta.toml" check; done
say "Done"
