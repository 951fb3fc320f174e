# Peers of a Godot 3 game that speak through PacketPeerDTLS, told what to do by the test that starts it.
# PROGRAM, in the environment, is JSON: where the server is, what to trust it by, how many peers, and their steps.
# It prints a line of JSON for whatever happens to one of them, and ends when all of them are done.
extends SceneTree

const FRAME_MS = 8
const AGAIN_MS = 500
const KEEP_MS = 700
const RETRY_MS = 3000


class Peer:
	var index
	var program
	var cert
	var udp = PacketPeerUDP.new()
	var dtls = PacketPeerDTLS.new()
	var at = 0
	var entered = 0
	var said = -AGAIN_MS
	var heard = []
	var kept = ""
	var kept_at = 0
	var done = false

	func _init(p_program, p_cert, p_index):
		program = p_program
		cert = p_cert
		index = p_index

	func report(about):
		about["peer"] = index
		print(to_json(about))

	func text(template):
		return template.replace("%i", str(index))

	func next():
		at += 1
		entered = OS.get_ticks_msec()
		said = -AGAIN_MS
		done = at >= program.steps.size()

	func open():
		udp.close()
		udp = PacketPeerUDP.new()
		dtls = PacketPeerDTLS.new()
		if program.local > 0:
			udp.listen(int(program.local))
		udp.connect_to_host(program.address, int(program.port))
		dtls.connect_to_peer(udp, program.validate, program.name, cert)
		entered = OS.get_ticks_msec()

	# Whether a message that says so has been heard and not been taken before.
	func takes(words):
		for message in heard:
			if message.find(words) >= 0:
				heard.erase(message)
				return true
		return false

	func frame():
		var now = OS.get_ticks_msec()
		if dtls.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING or dtls.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			dtls.poll()
		while dtls.get_status() == PacketPeerDTLS.STATUS_CONNECTED and dtls.get_available_packet_count() > 0:
			var message = dtls.get_packet().get_string_from_utf8()
			report({"heard": message})
			heard.append(message)
		if kept != "" and now - kept_at >= KEEP_MS:
			kept_at = now
			dtls.put_packet(kept.to_utf8())
		var step = program.steps[at]
		match step[0]:
			"connect":
				var status = dtls.get_status()
				if entered == 0 or said < 0:
					said = now
					open()
				elif status == PacketPeerDTLS.STATUS_CONNECTED:
					report({"connected": true})
					next()
				elif status == PacketPeerDTLS.STATUS_HANDSHAKING and now - entered < RETRY_MS:
					pass
				elif program.persists:
					open()
				elif status != PacketPeerDTLS.STATUS_HANDSHAKING:
					report({"failed": status})
					done = true
			"ask":
				if takes(step[2]):
					next()
				elif now - said >= AGAIN_MS:
					said = now
					dtls.put_packet(text(step[1]).to_utf8())
			"say":
				dtls.put_packet(text(step[1]).to_utf8())
				next()
			"keep":
				kept = text(step[1])
				next()
			"hear":
				if takes(step[1]):
					next()
			"plain":
				udp.put_packet(text(step[1]).to_utf8())
				next()
			"close":
				dtls.disconnect_from_peer()
				report({"closed": true})
				next()
			"gone":
				if dtls.get_status() != PacketPeerDTLS.STATUS_CONNECTED:
					report({"gone": dtls.get_status()})
					next()


func _init():
	var program = JSON.parse(OS.get_environment("PROGRAM")).result
	var cert = null
	if program.cert != "":
		cert = X509Certificate.new()
		cert.load(program.cert)
	var peers = []
	for index in range(program.peers):
		peers.append(Peer.new(program, cert, index))
	var left = peers.size()
	while left > 0 and OS.get_ticks_msec() < program.within_ms:
		left = 0
		for peer in peers:
			if not peer.done:
				peer.frame()
				left += 1
		OS.delay_msec(FRAME_MS)
	print(to_json({"ended": left == 0}))
	quit()
