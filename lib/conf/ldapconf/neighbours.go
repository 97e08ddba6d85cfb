package ldapconf

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
)

// mta notes the entry of an MTA, which is the only one of its name.
func (d *decoder) mta(e *Entry) {
	names := e.get("mTAName")
	cn, _, ok := cutDN(e.DN, d.mtas())
	switch {
	case len(names) != 1 || !ok:
		d.fail(text(e.DN), fmt.Errorf("mTAName: %d values, and cn %s; an MTA has one of each", len(names), clip(cn)))
	case d.known(names[0]) != nil:
		d.fail(text(e.DN), fmt.Errorf("mTAName: %s is that of %s, too", clip(names[0]), text(d.known(names[0]).DN)))
	default:
		d.shared[folded(names[0])] = e
		d.mtaAs[strings.ToLower(cn)] = names[0]
	}
}

// known is the entry of the MTA that has a name, as a directory compares names.
func (d *decoder) known(name string) *Entry { return d.shared[folded(name)] }

// folded is the same for names that caseIgnoreMatch finds equal, as far as ASCII goes.
func folded(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

// byName orders entries by their names: numbers, by what they are, before others.
func byName(a, b *Entry) int {
	x, y := a.DN.RDNs[0].Attributes[0].Value, b.DN.RDNs[0].Attributes[0].Value
	n, errN := strconv.Atoi(x)
	m, errM := strconv.Atoi(y)
	if (errN == nil) != (errM == nil) {
		if errN == nil {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(n, m), strings.Compare(x, y), strings.Compare(key(a.DN), key(b.DN)))
}

// neighbours makes a peer of every MTA that the network has an address of, and the table of
// peers says nothing about.
func (d *decoder) neighbours() {
	there := map[string]bool{folded(d.conf.Identity.MTA): true}
	for i := range d.conf.Peers {
		there[folded(d.conf.Peers[i].Name)] = true
	}
	for _, e := range sorted(d.shared) {
		name := e.get("mTAName")[0]
		if there[folded(name)] || len(e.get(local("address"), local("addresses"))) == 0 {
			continue
		}
		p := conf.NewPeer()
		d.said(reflect.ValueOf(&p).Elem(), e, fmt.Sprintf("peer[%d]", len(d.conf.Peers)))
		d.conf.Peers = append(d.conf.Peers, p)
	}
}

// said sets what an MTA says of itself to all its neighbours.
func (d *decoder) said(peer reflect.Value, e *Entry, path string) {
	before := reflect.New(peer.Type()).Elem()
	before.Set(peer)
	d.table(peerTable, peer, e, path)
	for i := range peer.NumField() {
		if slices.Contains(ofSwitch, peer.Type().Field(i).Tag.Get("toml")) {
			peer.Field(i).Set(before.Field(i))
		}
	}
}

func sorted(all map[string]*Entry) []*Entry {
	var list []*Entry
	for _, e := range all {
		list = append(list, e)
	}
	slices.SortFunc(list, byName)
	return list
}
