package main

import (
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// listen starts a sink of the given name, which the switch may call.
func (m *mta) listen(name string, config p1driver.SinkConfig) *p1driver.Sink {
	t := m.network.t
	t.Helper()
	config.Listen = strings.TrimSuffix(m.address, port) + "0"
	config.Own = p1driver.Bind{MTA: name, Password: "secret of " + name}
	config.Peers = map[string]string{m.name: "secret of " + m.name}
	sink, err := p1driver.Listen(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
	return sink
}

// neighbour makes an MTA that is called like its domain a peer of the switch, with a
// route. At is where it is called; more is TOML of its entry.
func (m *mta) neighbour(name, at string, more ...string) {
	m.configure(fmt.Sprintf(`
[[peer]]
name = %[1]q
channel = "p1"
addresses = [{ %[2]s }]
password-out = "secret of %[3]s"
password-in = "secret of %[1]s"
%[4]s

[[route]]
match = "/PRMD=%[1]s/ADMD=TEST/C=GB/"
peers = [%[1]q]
`, name, at, m.name, strings.Join(more, "\n")))
}

// sink starts a sink that is a neighbour of the switch.
func (m *mta) sink(name string, config p1driver.SinkConfig, more ...string) *p1driver.Sink {
	m.network.t.Helper()
	sink := m.listen(name, config)
	m.neighbour(name, fmt.Sprintf("host = %q", sink.Addr()), more...)
	return sink
}
