import ssl
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from rehearsal import ca
from rehearsal.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(cache=tmp_path / "cache", state=tmp_path / "state", run=tmp_path / "run")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_asking_again_changes_nothing(paths: Paths) -> None:
    first = ca.issue(paths, "server", dns=["a.test"], ips=["10.0.0.1"])
    content = [path.read_bytes() for path in (*first, ca.ensure_ca(paths))]
    second = ca.issue(paths, "server", dns=["a.test"], ips=["10.0.0.1"])
    assert second == first
    assert [path.read_bytes() for path in (*second, ca.ensure_ca(paths))] == content


def test_keys_are_for_their_owner_only(paths: Paths) -> None:
    _, key = ca.issue(paths, "client", client=True)
    for path in (key, ca.directory(paths) / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_changed_names_renew(paths: Paths) -> None:
    before = read(ca.issue(paths, "server", dns=["a.test"])[0])
    after = read(ca.issue(paths, "server", dns=["b.test"])[0])
    assert before.serial_number != after.serial_number


def test_what_is_about_to_expire_is_renewed(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ca, "LIFE", ca.RENEW_BEFORE - timedelta(days=1))
    before = read(ca.issue(paths, "server", dns=["a.test"])[0])
    monkeypatch.undo()
    after = read(ca.issue(paths, "server", dns=["a.test"])[0])
    assert before.serial_number != after.serial_number


def test_a_new_authority_renews_what_the_old_one_signed(paths: Paths) -> None:
    before = read(ca.issue(paths, "server", dns=["a.test"])[0])
    (ca.directory(paths) / "ca.crt").unlink()
    after = read(ca.issue(paths, "server", dns=["a.test"])[0])
    assert before.issuer != after.issuer


def test_a_damaged_key_is_replaced(paths: Paths) -> None:
    certificate, key = ca.issue(paths, "server", dns=["a.test"])
    key.write_text("half a key")
    ca.issue(paths, "server", dns=["a.test"])
    ssl.create_default_context().load_cert_chain(certificate, key)


def test_subject_is_what_kubernetes_reads(paths: Paths) -> None:
    certificate, _ = ca.issue(
        paths, "admin", client=True, common_name="kubernetes-admin", org=["system:masters"]
    )
    subject = read(certificate).subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["kubernetes-admin"]
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:masters"]


def test_a_certificate_without_a_purpose_is_refused(paths: Paths) -> None:
    with pytest.raises(ValueError, match="neither"):
        ca.issue(paths, "useless")
