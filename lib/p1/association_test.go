package p1

import (
	"testing"

	"github.com/mtakit/mtakit/lib/mts"
)

func TestAssociationConfig(t *testing.T) {
	c := AssociationConfig()
	if c.ApplicationContext != "2.6.0.1.6" || c.RTSESyntax != "2.6.0.2.12" || c.UserSyntax != "2.6.0.2.7" || !c.TwoWayAlternate {
		t.Errorf("config %+v", c)
	}
}

func TestTurnPriority(t *testing.T) {
	if !(TurnRelease < TurnPriority(mts.Urgent) && TurnPriority(mts.Urgent) < TurnPriority(mts.Normal) &&
		TurnPriority(mts.Normal) < TurnPriority(mts.NonUrgent)) {
		t.Error("want release before urgent before normal before non-urgent")
	}
	if TurnPriority(mts.Priority(9)) != TurnPriority(mts.Normal) {
		t.Error("an undefined priority is not normal")
	}
}
