// Package faults proves what a run does when something breaks around it: servers killed, connections cut and stalled, answers
// that refuse, disks that are full, targets that were restored. Its tests drive the application over real servers and judge by
// ways that are not the application's. It knows the application from outside only: its service, its states and its messages.
package faults
