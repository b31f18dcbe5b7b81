package connector

// Leftover is something a run left behind at a target.
type Leftover struct {
	Run     string `json:"run"`
	What    string `json:"what"` // "staging table shop.orders__tw_k3f9x"
	Removed bool   `json:"removed"`
}
