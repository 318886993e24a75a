import os
import stat
from pathlib import Path

import pytest

from providers.data_dir import prepare_data_dir


@pytest.mark.parametrize(("account", "mode"), [(0, 0o711), (1000, 0o700)])
def test_a_new_folder_can_be_read_by_its_account_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: int, mode: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: account)
    prepare_data_dir(tmp_path / "new" / "var")
    assert stat.S_IMODE((tmp_path / "new" / "var").stat().st_mode) == mode


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o711), (0o777, 0o711), (0o700, 0o700), (0o1750, 0o710)])
def test_an_existing_folder_is_closed_to_other_accounts(tmp_path: Path, before: int, after: int) -> None:
    tmp_path.chmod(before)
    owner = tmp_path.stat().st_uid
    prepare_data_dir(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == (after if owner == 0 else after & 0o700)


def test_the_folder_of_another_account_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    prepare_data_dir(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
