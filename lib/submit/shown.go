package submit

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/mtakit/mtakit/lib/spool"
)

// ReadEnvelope reads an envelope that somebody may have edited: what mtaqueue show --json prints,
// or the member envelope of it. path is the file with the content, empty if nothing says. A member that was
// misspelt would be one that was not said, so that unknown ones are an error.
func ReadEnvelope(text []byte) (env *spool.Envelope, path string, err error) {
	var shown struct {
		Envelope json.RawMessage `json:"envelope"`
		Path     string          `json:"path"`
	}
	if err := json.Unmarshal(text, &shown); err != nil {
		return nil, "", err
	}
	if shown.Envelope == nil {
		shown.Envelope = text
	}
	var edited *spool.Told
	strict := json.NewDecoder(bytes.NewReader(shown.Envelope))
	strict.DisallowUnknownFields()
	if err = strict.Decode(&edited); err == nil && edited == nil {
		err = errors.New("no object")
	}
	return (*spool.Envelope)(edited), shown.Path, err
}
