"""Real servers that live as long as a demonstration or a test: started, broken, mended, gone.

Each listens on 127.0.0.1 alone, on a port of its own, keeps its data in a directory of its own, and ends with
the process that started it, whatever ends that one.
"""

from degradation_operator.demo.servers.errors import ServerError
from degradation_operator.demo.servers.openai import Failure, OpenAIServer
from degradation_operator.demo.servers.postgres import PostgresServer
from degradation_operator.demo.servers.proxy import Fault, FaultProxy
from degradation_operator.demo.servers.redis import RedisServer
from degradation_operator.demo.servers.s3 import S3Server
from degradation_operator.demo.servers.tls import Tls

__all__ = [
    "Failure",
    "Fault",
    "FaultProxy",
    "OpenAIServer",
    "PostgresServer",
    "RedisServer",
    "S3Server",
    "ServerError",
    "Tls",
]
