#!/bin/sh
# Distribution lists and alternates over three domains: a list on B with members on A, B
# and C, one of them a list on C that has the first for a member; a user whose messages
# go to another; a domain that nobody can reach; and a probe to each.
#
# usage: lists.sh DIRECTORY-OF-THE-COMMANDS       with jq installed
command -v jq >/dev/null || { echo "lists.sh: error: jq is missing: apt-get install jq" >&2; exit 69; }
. "$(dirname "$0")/switches.sh"

amy=/G=Amy/S=White/O=Org$alpha
bea=/G=Bea/S=Green/O=Org$bravo
dan=/G=Dan/S=Black/O=Org/PRMD=DELTA/ADMD=TEST/C=GB/
project=/CN=Project$bravo
team=/CN=Team$charlie
begun=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# files BOX: how many messages are in a mailbox
files() { ls "$dir/$1" 2>/dev/null | grep -c 'json$' || :; }
holds() { [ "$(files "$1")" -ge "$2" ]; }
# empty BOX...: read and put away
empty() { for box in "$@"; do rm -rf "$dir/$box"; done; }
# summary BOX: who got what, a line each
summary() { for f in "$dir/$1"/*.json; do jq -r '"\(.kind)\tfor \(.recipient)\t\(.trace | map(.domain + " " + .action) | join(" > "))"' "$f"; done; }
# reports: what Ann hears, a line a recipient
reports() {
	for f in "$dir"/a/mailbox/ann/*.json; do
		jq -r '.report.recipients[] | "\(.recipient)\t\(if .reason then .reason + ", " + (.diagnostic // "-") else "delivered" end)"' "$f"
	done | sort
}

say "Three switches, two lists, two alternates"
switches
user a "$amy" mailbox/amy
user c "/G=Carl/S=Blue/O=Org$charlie" mailbox/carl
cat >>"$dir/b/mta.toml" <<END

[[list]]
address = "$project"
members = ["$amy", "$bob", "$carol", "$team"]
submit = ["$alpha", "$charlie"]

[[user]]
address = "$bea"
alternate = "$carol"
END
cat >>"$dir/c/mta.toml" <<END

[[list]]
address = "$team"
members = ["/G=Carl/S=Blue/O=Org$charlie", "$ghost", "$project"]
owner = "$carol"
reports = "both"
END
cat >>"$dir/a/mta.toml" <<END

[schedule]
expiry = { urgent = "2s" }

[[peer]]
name = "MTA-D"
channel = "p1"
addresses = [{ host = "127.0.0.1:1" }]
END
route a /PRMD=DELTA/ADMD=TEST/C=GB/ MTA-D
begin
run mtaroute -C "$dir/b/mta.toml" explain "$project"
run mtaroute -C "$dir/b/mta.toml" explain "$bea"

say "Ann writes to the project: its members get it, each once"
# One of them is nobody. The project is a member of the team, which is a member of the
# project: the second time it gets nothing.
id=$(echo "We begin on Monday." | at a mtasubmit --from $ann --to "$project" --subject Beginning --report delivery)
for box in a/mailbox/amy b/mailbox/bob c/mailbox/carol c/mailbox/carl; do wait_for 60 holds $box 1; done
for box in a/mailbox/amy b/mailbox/bob c/mailbox/carol c/mailbox/carl; do summary $box; done

say "Ann hears from both lists, and back along them from their members"
# Project, Team, Amy, Bob, Carol, Carl, and Gus, who does not exist. What concerns
# members of the team Carol hears too, as its owner.
wait_for 60 holds a/mailbox/ann 7
reports
wait_for 60 holds c/mailbox/carol 3
run mtactl read "$(grep -l reporting-DL-name "$dir"/c/mailbox/carol/*.json | head -1)"

say "How it went on B, from the message to its children and back"
mtsid="[$alpha;MTA-A.$id]"
run mtactl -C "$dir/b/mta.toml" track "$mtsid"

say "On C somebody asks about the child, and gets the story from its beginning"
child=$(at c mtactl track --json "$mtsid" | jq -r 'select(.event == "child" and .step == "expand") | .id' | head -1)
run mtactl -C "$dir/c/mta.toml" track "$child"

say "Who may not use the list hears why"
empty a/mailbox/ann
stranger=$(echo "Buy now!" | at b mtasubmit --from $bob --to "$project")
wait_for 60 holds b/mailbox/bob 2
run mtactl read "$(grep -l '"kind": "report"' "$dir"/b/mailbox/bob/*.json)"

say "Bea has an alternate: what is for her goes to Carol"
empty a/mailbox/ann b/mailbox/bob c/mailbox/carol
id=$(echo "Are you back?" | at a mtasubmit --from $ann --to $bea --subject Back --report delivery)
wait_for 60 holds c/mailbox/carol 1
wait_for 60 holds a/mailbox/ann 1
summary c/mailbox/carol
run mtactl report "$dir"/a/mailbox/ann/*.json
run mtactl -C "$dir/b/mta.toml" track "[$alpha;MTA-A.$id]"
echo "unless the originator prohibits it:"
empty a/mailbox/ann
at a mtasubmit --from $ann --to $bea --no-redirect "$dir/a/mta.toml" >/dev/null
wait_for 60 holds a/mailbox/ann 1
reports

say "Nobody reaches Dan: his time is over, unless Ann has named another"
empty a/mailbox/ann a/mailbox/amy
echo "Where are you?" | at a mtasubmit --from $ann --to $dan --priority urgent --subject Where >/dev/null
id=$(echo "Where is Dan?" | at a mtasubmit --from $ann --to $dan --priority urgent --alternate $amy --subject Where)
run mtaqueue -C "$dir/a/mta.toml" list --peer MTA-D
wait_for 60 holds a/mailbox/ann 1
wait_for 60 holds a/mailbox/amy 1
reports
summary a/mailbox/amy
run mtactl -C "$dir/a/mta.toml" track "$id"

say "A message waits for its time"
empty b/mailbox/bob
later=$(date -u -d "@$(($(date +%s) + 4))" +%Y-%m-%dT%H:%M:%SZ)
id=$(echo "It is now." | at a mtasubmit --from $ann --to $bob --subject Now --defer-until "$later")
wait_for 20 sh -c "mtaqueue -C '$dir/a/mta.toml' list | grep '$id.*deferred'"
run mtaqueue -C "$dir/a/mta.toml" list
wait_for 60 holds b/mailbox/bob 1
summary b/mailbox/bob

say "A probe to each: nobody gets anything, and Ann hears what would have happened"
empty a/mailbox/ann a/mailbox/amy b/mailbox/bob c/mailbox/carol c/mailbox/carl
for to in "$project" "$team" "$bea" "$bob" "$ghost"; do at a mtasubmit --probe --from $ann --to "$to" >/dev/null; done
wait_for 60 holds a/mailbox/ann 5
reports
for box in a/mailbox/amy b/mailbox/bob c/mailbox/carol c/mailbox/carl; do
	[ "$(files $box)" = 0 ] || { echo "a probe was delivered to $box" >&2; exit 1; }
done

say "The switches stop, and nothing is left"
for s in a b c; do wait_for 20 sh -c "! mtaqueue -C '$dir/$s/mta.toml' list | grep ."; done
finish
say "Done"
