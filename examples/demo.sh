#!/bin/sh
# Three switches on loopback: A (ALPHA) sends through B (BRAVO) to C (CHARLIE). An
# urgent message with a file goes to Carol behind C and to Bob on B, another to an
# address that does not exist; then the originator reads what came back.
#
# usage: demo.sh DIRECTORY-OF-THE-COMMANDS
. "$(dirname "$0")/switches.sh"

say "Three switches"
switches

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
begin
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
finish
say "Done"
