"""A ClickHouse server out of the library that carries it: its HTTP and TCP listeners on loopback, until it is ended.

Arguments: the library, a folder for the data, the HTTP port, the TCP port.
"""

import ctypes
import os
import sys

library_path, folder, http_port, tcp_port = sys.argv[1:]
# A query that reads from a pipe which nobody writes to keeps the server alive.
pipe = os.path.join(folder, "never-written")
if not os.path.exists(pipe):
    os.mkfifo(pipe)
query = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    f"SELECT count() FROM file('{pipe}', LineAsString, 'line String')"
)
arguments = [
    "clickhouse",
    *("--path", os.path.join(folder, "data")),
    *("--http_port", http_port, "--tcp_port", tcp_port, "--listen_host", "127.0.0.1"),
    *("--query", query),
]
library = ctypes.CDLL(library_path)
given = (ctypes.c_char_p * (len(arguments) + 1))(*(text.encode() for text in arguments), None)
library.chdb_query_cmdline(len(arguments), given)
