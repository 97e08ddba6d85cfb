#!/bin/sh
# Three switches that are configured from a directory alone: a message goes from A to B; a
# route is changed with ldapmodify, and the next one goes through C; the directory is killed,
# and everything goes on; a wrong change is refused.
#
# usage: directory.sh DIRECTORY-OF-THE-COMMANDS
ldap=$(cd "$(dirname "$0")/ldap" && pwd)
. "$(dirname "$0")/switches.sh"
slapd=/usr/sbin/slapd
admin="-x -D cn=admin,o=Example -w secret"

# slapd_starts: the server, in the background
slapd_starts() {
	$slapd -d 0 -F "$dir/ldap/config" -h "ldap://$server" 2>"$dir/ldap/stderr" &
	slapd_pid=$!
	pids="$pids $slapd_pid"
	wait_for 20 ldapsearch -x -H "ldap://$server" -b "" -s base
}
# free: an address nobody listens at
free() {
	mtactl init --listen 127.0.0.1:0 "$dir/free" && address free
	rm -rf "$dir/free"
}
# submit SWITCH TO SUBJECT: a message; prints its identifier
submit() { echo "$3" | at "$1" mtasubmit --from $ann --to "$2" --subject "$3" --report none; }
# left SWITCH ID: the message has left the switch
left() { at "$1" mtactl track "$2" | grep -q '	transfer-out	'; }
# version SWITCH: that the switch goes by
version() { at "$1" mtactl config status | sed -n 's/^version	//p'; }
# another SWITCH VERSION: the switch goes by another version
another() { [ "$(version "$1")" != "$2" ]; }
# trouble SWITCH: something stands in the way of what the directory says
trouble() { at "$1" mtactl config status | grep '^trouble	'; }

say "A directory with a network of three switches"
mkdir -p "$dir/ldap/config" "$dir/ldap/data" "$dir/ldap/public" "$dir/ldap/country"
server=$(free)
sed "s,@DIR@,$dir/ldap,; s,@LDAP@,$ldap," "$ldap/server.ldif" >"$dir/ldap/server.ldif"
/usr/sbin/slapadd -n0 -F "$dir/ldap/config" -l "$dir/ldap/server.ldif"
slapd_starts
sed "s,127.0.0.1:10421,$(free),; s,127.0.0.1:10422,$(free),; s,127.0.0.1:10423,$(free)," "$ldap/network.ldif" >"$dir/network.ldif"
ldapadd $admin -H "ldap://$server" -f "$dir/network.ldif" >/dev/null
ldapsearch -x -LLL -H "ldap://$server" -b ou=trees,o=Example "(mTAInfo=*)" mTAInfo

say "All that a switch has of its own"
for s in a b c; do
	mkdir "$dir/$s"
	cat >"$dir/$s/mta.toml" <<-END
		[directory]
		urls = ["ldap://$server"]
		base = "o=Example"
		mta = "MTA-$(echo $s | tr a-z A-Z)"
	END
	at $s mtactl init
done
cat "$dir/a/mta.toml"

say "The switches start"
for s in a b c; do
	mtarun -C "$dir/$s/mta.toml" 2>"$dir/$s/stderr" &
	pids="$pids $!"
done
for s in a b c; do wait_for 20 at $s mtactl status; done
run at a mtactl config status

say "A message goes from A to B"
run at a mtaroute $bob
id=$(submit a $bob "straight")
wait_for 20 left a "$id"
run at a mtactl track "$id"

say "MTA-A is given another tree before that of the network: to B by way of MTA-C"
v=$(version a)
printf '%s\n' "dn: cn=MTA-A,ou=mtas,o=Example" "changetype: modify" "replace: routingTreeList" \
	'routingTreeList: { "cn=MTA-A,ou=mtas,o=Example", "cn=detour,ou=trees,o=Example", "cn=network,ou=trees,o=Example" }' |
	ldapmodify $admin -H "ldap://$server"
wait_for 2 another a "$v"
run at a mtaroute explain $bob
id=$(submit a $bob "by way of MTA-C")
wait_for 20 left a "$id"
run at a mtactl track "$id"
at a mtactl track "$id" | grep -q '	transfer-out	.*MTA-C'

say "A wrong change is refused, and the reason is there to read"
v=$(version a)
printf '%s\n' "dn: PRMD=BRAVO,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example" "changetype: modify" "replace: mTAInfo" \
	'mTAInfo: { name "cn=MTA-X,ou=mtas,o=Example" }' |
	ldapmodify $admin -H "ldap://$server"
wait_for 20 trouble a
run at a mtactl config status
[ "$(version a)" = "$v" ]

say "The directory is killed; everything goes on, also after a start"
kill -KILL "$slapd_pid"
wait "$slapd_pid" || :
pids=$(echo "$pids" | tr ' ' '\n' | grep -v "^$slapd_pid\$" | tr '\n' ' ')
first=$(echo $pids | cut -d ' ' -f 1)
kill "$first"
wait "$first"
pids=$(echo "$pids" | tr ' ' '\n' | grep -v "^$first\$" | tr '\n' ' ')
mtarun -C "$dir/a/mta.toml" 2>"$dir/a/stderr" &
pids="$pids $!"
wait_for 20 at a mtactl status
run at a mtactl config status
id=$(submit a $bob "without a directory")
wait_for 20 left a "$id"
run at a mtactl track "$id"

say "Bob has all of it, on B"
bobs() { [ "$(ls "$dir/b/mailbox/bob/" | grep -c 'json$')" = 3 ]; }
wait_for 20 bobs
for message in "$dir"/b/mailbox/bob/*.json; do run mtactl read "$message" | grep -i '^subject'; done

say "The switches stop"
finish
say "Done"
