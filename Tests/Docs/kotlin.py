"""Compiles the documents' code in Kotlin with the client library, and runs rotation.kt with it; usage: kotlin.py

Tests/Docs/android has what the code uses of Android and OkHttp.
"""

import pathlib
import subprocess
import tempfile

from guides import ROOT, blocks

PAGES = ["connect-page.md", "integrate-mobile.md", "../clients/kotlin/README.md"]

with tempfile.TemporaryDirectory() as folder:
    sources = [text for page in PAGES for _, language, text in blocks(page) if language == "kotlin"]
    for number, text in enumerate(sources):
        pathlib.Path(folder, f"Block{number}.kt").write_text(text + "\n")
    android = sorted((ROOT / "Tests/Docs/android").iterdir())
    # Without clients/kotlin/jvm, as on Android.
    compiled = subprocess.run(
        [
            ROOT / "scripts/kotlin-classes", "docs", ROOT / "clients/kotlin/src", *android,
            ROOT / "Tests/Docs/rotation.kt", folder,
        ],
        check=True, stdout=subprocess.PIPE, text=True)
subprocess.run(["java", "-cp", compiled.stdout.strip(), "RotationKt"], check=True, timeout=60)
assert sources, "there is no Kotlin"
print(f"check-docs: {len(sources)} blocks of Kotlin compile with the client library")
