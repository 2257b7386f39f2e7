# SPDX-License-Identifier: Apache-2.0
"""--auto-pull: creating a container fetches the image it lacks."""

import base64
import json

from harness.case import E2E, images, not_oracle
from harness.registry import PASSWORD, USER, Registry


@not_oracle("it has no such option")
class TestAutoPull(E2E):
    image = False
    flags = ("--auto-pull",)

    @classmethod
    def set_up_fixtures(cls):
        cls.registry = Registry(auth="basic")
        cls.fixtures.append(cls.registry)
        cls.registry.push("private/one", "1", images.base_image())

    def head(self, password):
        auth = {"username": USER, "password": password}
        return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()}

    def test_pulls(self):
        name = f"{self.registry.host}/private/one:1"
        body = {"Image": name, "Cmd": ["echo", "pulled"]}
        got = self.api.post("/containers/create", body, headers=self.head("wrong"))
        self.assertIn(got.status, (401, 404, 500), got)
        self.assertEqual(self.api.ok("GET", "/images/json"), [])
        got = self.api.post("/containers/create", body, headers=self.head(PASSWORD))
        self.assertEqual(got.status, 201, got)
        ref = json.loads(got.body)["Id"]
        self.api.start(ref)
        self.assertEqual(self.api.wait(ref), 0)
        self.assertEqual(self.api.logs(ref)[0], b"pulled\n")
        self.api.remove(ref)
        self.api.ok("DELETE", f"/images/{name}")

    def test_not_there(self):
        got = self.api.post("/containers/create", {"Image": f"{self.registry.host}/private/none:1"},
                            headers=self.head(PASSWORD))
        self.assertEqual(got.status, 404, got)


@not_oracle("it has no such option")
class TestOff(E2E):
    image = False

    def test_off(self):
        self.gives(404, "No such image: 127.0.0.1:1/a:1", "POST", "/containers/create", {"Image": "127.0.0.1:1/a:1"})
