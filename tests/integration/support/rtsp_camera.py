#!/usr/bin/python3
"""A test camera: serves one H.264 file over RTSP, again and again, in real time.

usage: rtsp_camera.py CLIP.h264 [--fps N] [--port N] [--path /stream] [--loops N] [--tell N]
                      [--auth basic|digest --user NAME --password WORD]

Prints "READY <port>" once it listens, and with --tell the number and the Unix time of every Nth
frame as it is sent. Ends when its standard input is closed, so that it can't
outlive a test. CLIP is an Annex B byte stream with an access unit delimiter before each frame.
All viewers share one stream, as with a real camera.
"""
import argparse
import os
import re
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

ACCESS_UNIT_DELIMITER = rb"\x00\x00\x00\x01\x09"
ROLE = "viewer"


def access_units(path):
    """Splits a byte stream into one piece of bytes per frame."""
    with open(path, "rb") as file:
        stream = file.read()
    starts = [match.start() for match in re.finditer(ACCESS_UNIT_DELIMITER, stream)]
    return [stream[a:b] for a, b in zip(starts, starts[1:] + [len(stream)])]


def push_frames(source, frames, fps, loops, tell):
    """Gives the frames to `source` at the pace of a camera until nobody looks any more."""
    begin = time.monotonic()
    number = 0
    while loops == 0 or number < loops * len(frames):
        buffer = Gst.Buffer.new_wrapped(frames[number % len(frames)])
        buffer.pts = buffer.dts = number * Gst.SECOND // fps
        buffer.duration = Gst.SECOND // fps
        if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
            return
        if tell and number % tell == 0:
            print("FRAME", number, time.time(), flush=True)
        number += 1
        time.sleep(max(0.0, begin + number / fps - time.monotonic()))
    source.emit("end-of-stream")


def make_factory(frames, options):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch(
        "( appsrc name=source is-live=true format=time "
        'caps="video/x-h264,stream-format=byte-stream,alignment=au,'
        f'framerate={options.fps}/1" '
        "! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )

    def configure(_factory, media):
        media.set_reusable(False)
        source = media.get_element().get_child_by_name("source")
        arguments = (source, frames, options.fps, options.loops, options.tell)
        threading.Thread(target=push_frames, args=arguments, daemon=True).start()

    factory.connect("media-configure", configure)
    if options.auth:
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_permission_for_role(ROLE, "media.factory.access", True)
        permissions.add_permission_for_role(ROLE, "media.factory.construct", True)
        factory.set_permissions(permissions)
    return factory


def make_auth(options):
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", ROLE)
    if options.auth == "basic":
        secret = GstRtspServer.RTSPAuth.make_basic(options.user, options.password)
        auth.add_basic(secret, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(options.user, options.password, token)
    return auth


def leave_with_the_test():
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--port", default="0")
    parser.add_argument("--path", default="/stream")
    parser.add_argument("--loops", type=int, default=0, help="end the stream after so many; 0: never")
    parser.add_argument("--tell", type=int, default=0, help="tell of every Nth frame; 0: of none")
    parser.add_argument("--auth", choices=["basic", "digest"])
    parser.add_argument("--user", default="viewer")
    parser.add_argument("--password", default="")
    options = parser.parse_args()

    Gst.init(None)
    frames = access_units(options.clip)
    if not frames:
        sys.exit(f"{options.clip} has no access unit delimiters")
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    if options.auth:
        server.set_auth(make_auth(options))
    server.get_mount_points().add_factory(options.path, make_factory(frames, options))
    if server.attach(None) == 0:
        sys.exit(f"port {options.port} is taken")
    threading.Thread(target=leave_with_the_test, daemon=True).start()
    print(f"READY {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


main()
