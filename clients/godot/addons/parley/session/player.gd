class_name ParleyPlayer
extends RefCounted
## A member of the lobby.

## Id at the MultiplayerAPI: 1 for the host of a star, a stable number for all others.
var id := 0
## Id at the hub. Public; it grants nothing.
var peer_id := ""
var name := ""
var is_host := false
## This machine's own player.
var is_local := false
## `present`, `held` (has a seat and was not heard yet), or `away` (may come back for half a minute).
var state := ""
## What this member says about itself; see [method ParleySession.set_member_data].
var data := {}
