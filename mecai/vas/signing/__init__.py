"""The VA's key (docs/spec K4), in this process or in one of its own that has nothing else: the signer (ADR 0043).

`credential` has the key and signs, `connection` asks the signer, which is `server` with its `rules`; both sides speak
`wire`. `python -m mecai.vas.signing FILE` is the signer, which `mecai vas signer` becomes.
"""
