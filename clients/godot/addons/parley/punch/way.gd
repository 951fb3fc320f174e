class_name ParleyWay
extends RefCounted
## From one of our sockets to one endpoint of the other side, and what is known of it.

## Its number in our probes.
var number := 0
## Goes out with each probe and comes back with the answer, so that only a receiver of the probe can answer.
var proof := 0
var socket := 0
var address := ""
var port := 0
var local := false
## Shortest round trip; below 0 until it has answered.
var rtt_ms := -1.0
var was_heard := false
## Probes since it was first heard.
var checks := 0
var check_due := INF
