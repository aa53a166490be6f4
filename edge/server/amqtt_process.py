"""amqtt in a process of its own: the broker of `demo` where mosquitto is missing.

Run as ``python -m edge.server.amqtt_process PORT PARENT``; it ends with its parent.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from edge.server.lifeline import die_with


async def _serve(port: int) -> None:
    from amqtt.broker import Broker

    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    sys.stdout.write("amqtt running\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main(arguments: list[str]) -> None:
    """Serve MQTT 3.1.1 on a loopback port until killed."""
    port, parent = (int(argument) for argument in arguments)
    die_with(parent)
    # Its log lines (one for each client that leaves) would stand in the user's terminal.
    logging.disable(logging.CRITICAL)
    asyncio.run(_serve(port))


if __name__ == "__main__":
    main(sys.argv[1:])
