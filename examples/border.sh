#!/bin/sh
# A border between two domains: ALPHA labels by the policy ALLIANCE, BRAVO by NORDLAND. What Ann
# signs and labels leaves ALPHA signed by its gate, with the label of BRAVO; BRAVO takes what
# that gate has signed and Bob is cleared for. One message crosses, one is refused for clearance
# and archived on its way, one is forged and held; and the rules say why.
#
# usage: border.sh DIRECTORY-OF-THE-COMMANDS       with jq and openssl installed
for tool in jq openssl; do
	command -v $tool >/dev/null || { echo "border.sh: error: $tool is missing: apt-get install $tool" >&2; exit 69; }
done
here=$(cd "$(dirname "$0")" && pwd)
. "$here/switches.sh"
archive=/CN=Archive/O=Org$alpha
signed=1.2.840.113549.1.9.16.1.6 # a signed object as the content

# key DIRECTORY NAME: a key, and a certificate that is its own root
key() {
	mkdir -p "$1"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$2" \
		-addext keyUsage=digitalSignature,keyCertSign -addext basicConstraints=critical,CA:true \
		-keyout "$1/$2.key" -out "$1/$2.pem" 2>/dev/null
}
# sign LABEL: what Ann signs, with a label of her policy
sign() {
	mtactl label convert --spif "$dir/alliance.xml" --to der "policy=ALLIANCE; $1" >"$dir/label"
	mtactl smime sign --key "$dir/ann.key" --cert "$dir/ann.pem" --form der --econtent-type 2.6.1.10.1 --label "$dir/label" <"$dir/text"
}
# send FILE: a signed content, from Ann to Bob
send() { at a mtasubmit --from "$ann" --to "$bob" --raw --content-type $signed "$1"; }
# waits: the child that waits at ALPHA for BRAVO
waits() { at a mtaqueue list --json | jq -r 'select(.peer == "MTA-B" and .state != "held") | .id'; }
waiting() { [ "$(waits | wc -l)" = 2 ]; }
files() { ls "$dir/$1" 2>/dev/null | grep -c 'json$' || :; }
holds() { [ "$(files "$1")" -ge "$2" ]; }

say "Two domains, two security policies, two gates"
cp "$here"/spif/alliance.xml "$here"/spif/nordland.xml "$dir"
run mtactl init --name MTA-A --domain $alpha --listen 127.0.0.1:0 "$dir/a"
run mtactl init --name MTA-B --domain $bravo --listen 127.0.0.1:0 "$dir/b"
key "$dir" ann
key "$dir/a" gate-a
peer a MTA-B b
peer b MTA-A a
route a $bravo MTA-B
route b $alpha MTA-A
user a "$archive" mailbox/archive
user b "$bob" mailbox/bob
cat >>"$dir/a/mta.toml" <<END

[[channel]]
name = "secure"
kind = "secure"

[security]
policies = ["$dir/alliance.xml", "$dir/nordland.xml"]
roots = ["$dir/ann.pem"]

[[step]]
name = "to-bravo"
strip = true
to-policy = "NORDLAND"
certificate = "gate-a.pem"
key = "gate-a.key"

[[ruleset]]
name = "leaving"
rules = '''
home:      if to = "$alpha" then allow
forged:    if signature = invalid then hold "the signature is not valid"
open:      if not labelled then refuse "without a label nothing leaves ALPHA"
kept:      if label-classification >= "CONFIDENTIAL" then continue, add "$archive"
signed:    if signature = valid then allow, require "to-bravo"
'''
END
cat >>"$dir/b/mta.toml" <<END

[[channel]]
name = "secure"
kind = "secure"

[security]
policies = ["$dir/nordland.xml"]
roots = ["$dir/a/gate-a.pem"]

[[step]]
name = "open"
strip = true

[[ruleset]]
name = "arriving"
rules = '''
leaving:   if not peer-in = "MTA-A" then allow
stranger:  if not (signature = valid and signer = "CN=gate-a") then refuse "not signed by the gate of ALPHA"
uncleared: if not cleared-to then refuse "the recipient is not cleared for it"
cleared:   then allow, require "open"
'''
END
# The clearance of Bob stands with him.
sed -i 's|^mailbox = "mailbox/bob"|&\nclearance = ["policy=NORDLAND; class<=BEGRENSET; Partner=NORDLAND"]|' "$dir/b/mta.toml"
for s in a b; do at $s mtactl config check; done

say "Ann signs three messages; the third is forged on its way"
printf 'the meeting is at noon\n' >"$dir/words"
at a mtasubmit --from "$ann" --to "$archive" "$dir/words" >/dev/null
at a mtarun --once 2>/dev/null
cat "$dir"/a/mailbox/archive/*.content >"$dir/text"
rm "$dir"/a/mailbox/archive/*
sign "class=RESTRICTED; Releasable To=NRD" >"$dir/restricted"
sign "class=SECRET; Releasable To=NRD" >"$dir/secret"
cp "$dir/restricted" "$dir/forged"
printf x | dd of="$dir/forged" bs=1 conv=notrunc seek=$(($(wc -c <"$dir/forged") - 1)) 2>/dev/null
run openssl cms -cmsout -print -inform DER -in "$dir/restricted" | grep -A 1 securityLabel
restricted=$(send "$dir/restricted") secret=$(send "$dir/secret") forged=$(send "$dir/forged")

say "Why ALPHA lets them leave, keeps a copy, and holds one"
for id in $restricted $secret $forged; do
	run mtactl -C "$dir/a/mta.toml" policy explain "$id" || echo "(exit $?)"
	echo
done

say "They go to the border; BRAVO is not there yet"
mtarun -C "$dir/a/mta.toml" 2>"$dir/a/stderr" &
pids="$pids $!"
wait_for 20 at a mtactl status
wait_for 20 waiting
at a mtactl track "$restricted"
run mtaqueue -C "$dir/a/mta.toml" list

say "Why BRAVO takes one, and not the other"
for id in $(waits); do
	file=$(find "$dir/a/spool/q" -name "$id")
	run mtactl -C "$dir/b/mta.toml" policy explain --channel-in p1 --peer-in MTA-A "$file" || echo "(exit $?)"
	echo
done

say "BRAVO is there"
mtarun -C "$dir/b/mta.toml" 2>"$dir/b/stderr" &
pids="$pids $!"
wait_for 20 at b mtactl status
run mtaqueue -C "$dir/a/mta.toml" retry --channel p1 ALL
wait_for 30 holds b/mailbox/bob 1
wait_for 30 holds a/mailbox/ann 1
run mtactl read "$dir/b/mailbox/bob" | grep noon

say "Ann hears of the other; the archive has it; the forged one waits for an operator"
run mtactl read "$dir/a/mailbox/ann" | grep -i cleared
echo "archived: $(files a/mailbox/archive)"
run mtaqueue -C "$dir/a/mta.toml" list
run mtaqueue -C "$dir/a/mta.toml" reject --text "the signature is forged" "$forged"

for pid in $pids; do kill "$pid"; done
for pid in $pids; do wait "$pid"; done
pids=
for s in a b; do run mtactl -C "$dir/$s/mta.toml" check; done
say Done
