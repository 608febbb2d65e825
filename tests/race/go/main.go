// Reads histories of concurrent calls, one JSON array a line, and says which of them no order of the calls explains: none that
// keeps to who was answered before who asked, and gives each caller what it was told.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// How long one history is looked at.
const patience = 60 * time.Second

// One call: what was asked, when, and what was told. Times in nanoseconds of one clock; Outcome is "done", "refused" or
// "unknown".
type call struct {
	Client   int    `json:"client"`
	Kind     string `json:"kind"`
	Quantity int    `json:"quantity"`
	Hold     int    `json:"hold"`
	Called   int64  `json:"called"`
	Returned int64  `json:"returned"`
	Outcome  string `json:"outcome"`
	// Told: units on hand and units held.
	OnHand int `json:"on_hand"`
	Held   int `json:"held"`
}

// The item's stock, and which holds are there: ",7,9,".
type stock struct {
	onHand, held int
	holds        string
}

func (s stock) has(hold int) bool { return strings.Contains(s.holds, fmt.Sprintf(",%d,", hold)) }

func (s stock) with(hold, quantity int) stock {
	name := ""
	if hold != 0 {
		name = fmt.Sprintf(",%d,", hold)
	}
	return stock{s.onHand, s.held + quantity, s.holds + name}
}

func (s stock) without(hold, quantity int) stock {
	name := fmt.Sprintf(",%d,", hold)
	return stock{s.onHand, s.held - quantity, strings.Replace(s.holds, name, "", 1)}
}

// What the item may be after the call, if it may have been told that.
func after(before stock, c call) []any {
	done, refused := []stock{}, []stock{}
	switch c.Kind {
	case "receive":
		done = append(done, stock{before.onHand + c.Quantity, before.held, before.holds})
	case "hold":
		if before.onHand-before.held >= c.Quantity {
			done = append(done, before.with(c.Hold, c.Quantity))
		} else {
			refused = append(refused, before)
		}
	case "release":
		if before.has(c.Hold) {
			done = append(done, before.without(c.Hold, c.Quantity))
		} else {
			refused = append(refused, before)
		}
	case "look":
		if before.onHand == c.OnHand && before.held == c.Held {
			done = append(done, before)
		}
	}
	chosen := []stock{}
	switch c.Outcome {
	case "done":
		chosen = done
	case "refused":
		chosen = refused
	case "unknown":
		// It may not have come at all.
		chosen = append(append(done, refused...), before)
	}
	states := make([]any, len(chosen))
	for i, each := range chosen {
		states[i] = each
	}
	return states
}

func main() {
	model := porcupine.NondeterministicModel{
		Init:  func() []any { return []any{stock{}} },
		Step:  func(state, _, output any) []any { return after(state.(stock), output.(call)) },
		Equal: func(one, other any) bool { return one == other },
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	number, wrong := 0, 0
	for lines.Scan() {
		var calls []call
		if err := json.Unmarshal(lines.Bytes(), &calls); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		operations := make([]porcupine.Operation, len(calls))
		for i, c := range calls {
			operations[i] = porcupine.Operation{ClientId: c.Client, Input: c, Call: c.Called, Output: c, Return: c.Returned}
		}
		if found := porcupine.CheckOperationsTimeout(model.ToModel(), operations, patience); found != porcupine.Ok {
			fmt.Printf("history %d: %s\n", number, found)
			wrong++
		}
		number++
	}
	fmt.Printf("%d histories, %d wrong\n", number, wrong)
	if wrong > 0 {
		os.Exit(1)
	}
}
