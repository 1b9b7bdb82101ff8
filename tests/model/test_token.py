"""What tokens are made of."""

from hashlib import sha256

import pytest

from cloudify.model.token import StoredToken, new_token, read_token


def test_a_token_is_known_again_by_its_id_and_digest_alone() -> None:
    text, token_id, digest = new_token()
    assert digest == sha256(text.encode()).hexdigest()
    assert read_token(text) == (token_id, digest)
    kept = StoredToken(token_id, digest, "ada", frozenset({"read"}))
    assert text.removeprefix(f"cld_{token_id}_") not in repr(kept)


def test_tokens_differ_in_id_and_secret_and_use_all_of_their_letters() -> None:
    made = [new_token() for _ in range(500)]
    texts = [text for text, _, _ in made]
    assert {len(text) for text in texts} == {4 + 8 + 1 + 32}
    assert len({token_id for _, token_id, _ in made}) == len({text[13:] for text in texts}) == 500
    assert len(set("".join(text[13:] for text in texts))) == 62


@pytest.mark.parametrize(
    "text",
    [
        "", "cld_", "cld_0123abcd_", "cld_0123abcd_" + "a" * 31, "cld_0123abcd_" + "a" * 33, "CLD_0123abcd_" + "a" * 32,
        "cld_0123abcd_" + "a" * 31 + "\n", "cld_0123abcd_" + "a" * 32 + "\n", " cld_0123abcd_" + "a" * 32,
        "cld_0123abc-_" + "a" * 32, "cld_0123abcd_" + "é" * 32, "cld_0123abcd_" + "\u0661" * 32, "a.b.c",
    ],
)  # fmt: skip
def test_what_has_another_form_is_no_token(text: str) -> None:
    assert read_token(text) is None
