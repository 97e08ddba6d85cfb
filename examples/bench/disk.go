package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/examples/loopdisk"
)

// flushesOfOne is how many flushes one fsync of a new file is: what a barrier costs.
func flushesOfOne(d *loopdisk.Disk) (float64, error) {
	const files = 200
	before, err := d.Flushes()
	if err != nil {
		return 0, err
	}
	for i := range files {
		f, err := os.Create(filepath.Join(d.Mount, "flush."+strconv.Itoa(i)))
		if err != nil {
			return 0, err
		}
		_, err = f.Write(make([]byte, 2048))
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return 0, err
		}
	}
	after, err := d.Flushes()
	if err != nil {
		return 0, err
	}
	for i := range files {
		if err := os.Remove(filepath.Join(d.Mount, "flush."+strconv.Itoa(i))); err != nil {
			return 0, err
		}
	}
	return float64(after-before) / files, nil
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
