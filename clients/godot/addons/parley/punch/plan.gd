class_name ParleyPlan
extends RefCounted
## What the hub tells one side to do, cut to what is harmless: whatever a plan says, a player's machine is no weapon.

## Endpoints of the other side sent to from the start.
const TARGETS_MAX := 16
## Sockets opened beside each other.
const SOCKETS_MAX := 256
## Ports of one address that are tried.
const PROBES_MAX := 1_536
## Datagrams a second of one kind.
const PER_S_MAX := 4_000
const GIVE_UP_MS_MAX := 20_000
const START_IN_MS_MAX := 5_000
const FIRST_PORT := 1_024
const PORTS := 64_512

## `{kind, address, port}` each, in the order in which they are tried.
var targets: Array[Dictionary] = []
## With more than one, all of them send to the first target.
var sockets := 1
## Ports of one address, tried from the first socket: `{address, first_port, step, ports, shuffled, probes, after_ms}`. Empty
## where there are none.
var spray := {}
var per_s := 1
## This side decides which way it is, where there are several.
var nominates := false
## Local endpoints may be sent to.
var same_network := false
var give_up_ms := 0


## A plan as it comes in JSON, or null. Unknown keys are for later versions. `first_hops` is read over: GDScript cannot
## set a datagram's hop limit, so the first ones are ordinary ones.
static func read(json: Variant) -> ParleyPlan:
	if not json is Dictionary or not json.get("targets") is Array:
		return null
	var plan := ParleyPlan.new()
	plan.nominates = json.get("nominates") == true
	plan.same_network = json.get("same_network") == true
	for target: Variant in (json["targets"] as Array).slice(0, TARGETS_MAX):
		if not target is Dictionary or not target.get("address") is String:
			return null
		var kind := str(target.get("kind"))
		var address: String = target["address"]
		var port := ParleyFields.whole(target.get("port"))
		var allowed := kind != "host" or (plan.same_network and ParleyAddresses.is_local(address))
		if allowed and ParleyAddresses.is_endpoint(address, port):
			plan.targets.append({"kind": kind, "address": address, "port": port})
	plan.sockets = clampi(ParleyFields.whole(json.get("sockets")), 1, SOCKETS_MAX) if plan.targets.size() > 0 else 1
	plan.per_s = clampi(ParleyFields.whole(json.get("per_s")), 1, PER_S_MAX)
	plan.give_up_ms = clampi(ParleyFields.whole(json.get("give_up_ms")), 0, GIVE_UP_MS_MAX)
	if json.get("spray") is Dictionary:
		plan.spray = _read_spray(json["spray"])
	return plan


static func _read_spray(json: Dictionary) -> Dictionary:
	var address := str(json.get("address"))
	if not ParleyAddresses.is_endpoint(address, 1):
		return {}
	var step := clampi(ParleyFields.whole(json.get("step")), -PORTS, PORTS)
	return {
		"address": address,
		"first_port": clampi(ParleyFields.whole(json.get("first_port")), FIRST_PORT, 65_535),
		"step": step if step != 0 else 1,
		"ports": clampi(ParleyFields.whole(json.get("ports")), 1, PORTS),
		"shuffled": json.get("order") == "shuffled",
		"probes": clampi(ParleyFields.whole(json.get("probes")), 0, PROBES_MAX),
		"after_ms": clampi(ParleyFields.whole(json.get("after_ms")), 0, GIVE_UP_MS_MAX),
	}


## Whether a source may be answered: local ones only where they are this side's own network.
func may_answer(address: String, port: int) -> bool:
	if not ParleyAddresses.is_endpoint(address, port):
		return false
	if same_network or not (ParleyAddresses.is_local(address) or ParleyAddresses.is_loopback(address)):
		return true
	for target in targets:
		if target["address"] == address:
			return true
	return false
