"""Checks the rendered manifests, and writes what a node makes of them.  usage: kubernetes.py MANIFESTS README FOLDER"""

import json
import pathlib
import re
import shlex
import sys

import kubernetes_validate
import yaml

documents = list(yaml.safe_load_all(open(sys.argv[1])))
for document in documents:
    for version in ("1.29", "1.33"):
        kubernetes_validate.validate(document, version, strict=True)
by_kind = {document["kind"]: document for document in documents}
assert len(by_kind) == len(documents) == 6, sorted(by_kind)

deployment = by_kind["Deployment"]["spec"]
pod = deployment["template"]["spec"]
(container,) = pod["containers"]
labels = deployment["template"]["metadata"]["labels"]
settings = by_kind["ConfigMap"]["data"]
checks = {
    "two nodes": deployment["replicas"] == 2,
    "one stays": by_kind["PodDisruptionBudget"]["spec"]["minAvailable"] == 1
    and deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0,
    "all select the same pods": all(
        selector == labels
        for selector in (
            deployment["selector"]["matchLabels"],
            by_kind["Service"]["spec"]["selector"],
            by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        )
    ),
    "no root": pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0,
    "nothing written": container["securityContext"]["readOnlyRootFilesystem"],
    "no privileges": container["securityContext"]["allowPrivilegeEscalation"] is False
    and container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    and pod["automountServiceAccountToken"] is False,
    "secrets for one group": pod["volumes"][0]["secret"]["defaultMode"] == 0o440
    and pod["securityContext"]["fsGroup"] > 0,
    "probes ask the admin port": all(
        container[probe]["httpGet"]["port"] == "admin" for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    ),
    "the ports are those of the settings": {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    == {"http": settings["BFF_LISTEN"].split(":")[1], "admin": settings["BFF_ADMIN_LISTEN"].split(":")[1]},
    "secrets come from files": all(
        value.startswith(pod["containers"][0]["volumeMounts"][0]["mountPath"] + "/")
        for name, value in settings.items()
        if name.endswith("_FILE")
    )
    and {"FLATPEAK_API_KEY_FILE", "BFF_STATE_KEY_FILE", "BFF_DATABASE_URL_FILE"} <= settings.keys(),
    "the network is closed": set(by_kind["NetworkPolicy"]["spec"]["policyTypes"]) == {"Ingress", "Egress"},
}
known = set(re.findall(r"^\| `([A-Z_]+)`", open(sys.argv[2]).read(), re.M))
known |= set(re.findall(r"^\|[^|]*?, `([A-Z_]+)`", open(sys.argv[2]).read(), re.M))
for name in settings:
    checks[f"{name} is a setting"] = name in known or name.removesuffix("_FILE") in known
failed = [name for name, holds in checks.items() if not holds]
if failed:
    sys.exit("check-kubernetes: not true: " + ", ".join(failed))

# What a node makes of it: the image's command and environment below those of the manifests.
work = pathlib.Path(sys.argv[3])
dockerfile = pathlib.Path("deploy/docker/Dockerfile").read_text()
entrypoint = json.loads(re.findall(r"^ENTRYPOINT (.+)$", dockerfile, re.M)[-1])
environment = dict(re.findall(r"^(?:ENV|   ) +(BFF_\w+)=(\S+)", dockerfile, re.M)) | settings
# The one thing that is not theirs: Flatpeak is the sandbox. And what every pod has.
environment |= {"FLATPEAK_API_URL": "http://127.0.0.1:8090", "FLATPEAK_CONNECT_URL": "http://127.0.0.1:8091"}
environment |= {
    "HOSTNAME": "connect-bff-0",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "KUBERNETES_PORT": "tcp://10.96.0.1:443",
}
(work / "environment").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
(work / "command").write_text("".join(f"{word}\n" for word in container.get("command", entrypoint) + container["args"]))
context = pod["securityContext"]
facts = {
    "user": f"{context['runAsUser']}:{context['runAsGroup']}",
    "group": context["fsGroup"],
    "mount": container["volumeMounts"][0]["mountPath"],
    "mode": f"{pod['volumes'][0]['secret']['defaultMode']:04o}",
    "grace": pod["terminationGracePeriodSeconds"],
}
(work / "pod").write_text("".join(f"{name}={shlex.quote(str(value))}\n" for name, value in facts.items()))
