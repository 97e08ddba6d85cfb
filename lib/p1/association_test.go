package p1

import "testing"

func TestAssociationConfig(t *testing.T) {
	c := AssociationConfig()
	if c.ApplicationContext != "2.6.0.1.6" || c.RTSESyntax != "2.6.0.2.12" || c.UserSyntax != "2.6.0.2.7" || !c.TwoWayAlternate {
		t.Errorf("config %+v", c)
	}
}
