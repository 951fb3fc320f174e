class_name ParleyDiagnosis
extends RefCounted
## What this machine's network can do, in sentences.


func run(desk: ParleyDesk) -> String:
	var lines := PackedStringArray()
	var refusal := await desk.identify()
	if refusal != null:
		lines.append("The lobby server %s is not reached: %s" % [desk.http().url, refusal.why])
		return "\n".join(lines)
	lines.append("The lobby server %s answers." % desk.http().url)
	var sidecars := ParleyConnectionFields.native_endpoints(desk._identity.sidecars, desk.http().url)
	if sidecars.is_empty():
		lines.append("No sidecar is linked to the lobby server: players cannot be connected.")
		return "\n".join(lines)
	var sockets := ParleySockets.new()
	var questions := ParleyQuestions.new(sockets)
	sockets.bind(0)
	var observer := ParleyObserver.new()
	observer.sidecars = sidecars
	observer.udp_token = desk._identity.udp_token
	var gathering := observer.gather(sockets, 0, questions, ParleyDesk._now())
	while not gathering.done:
		questions.receive_all(0)
		questions.poll(ParleyDesk._now())
		gathering.poll(ParleyDesk._now())
		await desk._pause(1.0)
	sockets.close_all()
	if not gathering.udp:
		lines.append("UDP does not get out of this network: the game runs over a WebSocket.")
		return "\n".join(lines)
	lines.append("UDP gets out: %d of the sidecars' endpoints answered." % gathering.looks.size())
	match desk._observer.filtering:
		"independent":
			lines.append("The router admits datagrams of any sender: direct connections are easy.")
		"address", "port":
			lines.append("The router admits only endpoints that this machine has sent to: direct connections need the punch.")
	lines.append("Own addresses: %s." % ", ".join(ParleyAddresses.own()))
	return "\n".join(lines)
