# SPDX-License-Identifier: Apache-2.0
"""The metrics listener: what Prometheus reads, and that its figures follow what is done."""

import re
import socket

from harness import rawhttp
from harness.api import Api
from harness.case import BB, not_oracle, wait_for
from test_daemon import Own

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(\{(?:[a-z_]+="[^"]*",?)*\})? (-?[\d.]+(?:e[+-]?\d+)?)$')
PORT = 29323


def scrape(path="/metrics", method="GET", port=PORT):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.sendall(f"{method} {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        data = b""
        while got := s.recv(65536):
            data += got
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), body.decode()


class Page:
    """A scraped page, read strictly as the text format says."""

    def __init__(self):
        status, head, body = scrape()
        assert status == 200, body
        assert "content-type: text/plain; version=0.0.4" in head, head
        self.types, self.samples = {}, {}
        for line in body.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                assert name not in self.types, f"{name} twice"
                self.types[name] = kind
            elif not line.startswith("# HELP "):
                name, labels, value = SAMPLE.match(line).groups()
                family = re.sub("_(bucket|sum|count)$", "", name)
                assert name in self.types or self.types.get(family) == "histogram", line
                assert name + (labels or "") not in self.samples, line
                self.samples[name + (labels or "")] = float(value)

    def __getitem__(self, key):
        return self.samples[key]

    def requests(self, method, route, code):
        return self.samples.get('serin_http_requests_total'
                                f'{{method="{method}",route="{route}",code="{code}"}}', 0)


@not_oracle("names of its own")
class TestMetrics(Own):
    def setUp(self):
        super().setUp()
        self.make("--metrics-addr", f"127.0.0.1:{PORT}")
        self.mine[0].start()
        self.engine = Api(self.mine[0].sock)

    def test_requests(self):
        before = Page()
        for _ in range(5):
            self.engine.ok("GET", "/info")
        self.assertEqual(self.engine.get("/containers/nobody/json").status, 404)
        self.assertEqual(self.engine.get("/nothing").status, 404)
        # A request is counted when it is over, which its client may hear a moment earlier.
        wait_for(lambda: Page().requests("", "", 404) == 1)
        after = Page()
        self.assertEqual(after.requests("GET", "/info", 200),
                         before.requests("GET", "/info", 200) + 5)
        self.assertEqual(after.requests("GET", "/containers/{name}/json", 404), 1)
        name, labels = "serin_http_request_duration_seconds", 'method="GET",route="/info"'
        buckets = [v for k, v in after.samples.items() if k.startswith(f"{name}_bucket{{{labels}")]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], after[f"{name}_count{{{labels}}}"])
        self.assertGreater(after[f"{name}_sum{{{labels}}}"], 0)

    def test_containers(self):
        self.load_base(self.engine)
        before = Page()["serin_images"]
        run = self.engine.run(BB, "sleep 60", Healthcheck={"Test": ["CMD", "false"],
                                                        "Interval": 10 ** 8})
        self.engine.create(BB)
        actions = "engine_daemon_container_actions_seconds_count"
        wait_for(lambda: Page().samples.get(actions + '{action="start"}') == 1)
        state = "engine_daemon_container_states_containers"
        page = Page()
        self.assertEqual(page[state + '{state="running"}'], 1)
        self.assertEqual(page[state + '{state="stopped"}'], 1)
        self.assertEqual(page['serin_containers{status="created"}'], 1)
        self.assertEqual(page["serin_images"], before)
        self.assertGreater(before, 0)
        self.assertGreaterEqual(page["engine_daemon_events_total"], 3)
        self.assertEqual(page[actions + '{action="create"}'], 2)
        wait_for(lambda: Page()["engine_daemon_health_checks_failed_total"] > 1)
        self.engine.ok("POST", f"/containers/{run}/pause")
        self.assertEqual(Page()[state + '{state="paused"}'], 1)

    def test_pools_and_process(self):
        name, idle = "connections", Page()
        self.assertEqual(idle.types["serin_pool_high_water"], "gauge")
        held = [rawhttp.Conn(self.mine[0].sock) for _ in range(20)]
        want = idle[f'serin_pool_in_use{{pool="{name}"}}'] + 20
        wait_for(lambda: Page()[f'serin_pool_in_use{{pool="{name}"}}'] >= want)
        for one in held:
            one.close()
        wait_for(lambda: Page()[f'serin_pool_in_use{{pool="{name}"}}'] < 5)
        after = Page()
        self.assertGreaterEqual(after[f'serin_pool_high_water{{pool="{name}"}}'], 20)
        self.assertLessEqual(abs(after["process_resident_memory_bytes"] - self.mine[0].rss()),
                             4 << 20)
        for key in ("serin_loop_stalls_total", "serin_loop_stall_longest_seconds",
                    "process_cpu_seconds_total", "process_start_time_seconds", "serin_fibers"):
            self.assertIn(key, after.samples)

    def test_other_paths(self):
        self.assertEqual(scrape("/")[0], 404)
        self.assertEqual(scrape("/containers/json")[0], 404)
        self.assertEqual(scrape("/metrics", "POST")[0], 404)
        status, _, body = scrape("/metrics", "HEAD")
        self.assertEqual((status, body), (200, ""))

    def test_gone_with_the_daemon(self):
        self.mine[0].stop()
        with self.assertRaises(OSError):
            scrape()


@not_oracle("words of its own")
class TestAddress(Own):
    def test_off_by_default(self):
        self.make().start()
        with self.assertRaises(OSError):
            scrape()

    def test_in_the_file(self):
        daemon = self.make()
        self.config(daemon, **{"metrics-addr": f"localhost:{PORT}"})
        daemon.start()
        self.assertEqual(scrape()[0], 200)

    def test_bad(self):
        for address in ("9323", "nowhere:9323", "127.0.0.1:", "127.0.0.1:99999", "[::1:1", ":x"):
            with self.subTest(address):
                self.refused(self.make("--metrics-addr", address), f'"{address}"')

    def test_in_use(self):
        with socket.create_server(("127.0.0.1", PORT)):
            self.refused(self.make("--metrics-addr", f"127.0.0.1:{PORT}"), "in use")
