//! Whether a webhook's body comes from who knows the secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whether `signature`, the header `Signature` of a webhook of Moota, is the HMAC-SHA256 of `body` under `secret`, in hex of
/// either case. Compared in constant time. An empty secret is known to everybody and signs nothing.
pub fn moota_signature_ok(secret: &[u8], body: &[u8], signature: &str) -> bool {
    if secret.is_empty() {
        return false;
    }
    let Some(said) = from_hex(signature.trim()) else {
        return false;
    };
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&said).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, left) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if left.is_empty() { bytes } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of RFC 4231.
    #[test]
    fn the_signature_of_a_published_vector() {
        let (secret, body) = (b"Jefe", b"what do ya want for nothing?");
        let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(moota_signature_ok(secret, body, signature));
        assert!(moota_signature_ok(secret, body, &signature.to_uppercase()));
        assert!(!moota_signature_ok(b"jefe", body, signature));
        assert!(!moota_signature_ok(secret, b"what do ya want for something?", signature));
        let empty = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
        assert!(!moota_signature_ok(b"", b"", empty), "anybody can make it");
        for bad in ["", "5b", "zz", &signature[..62], &format!("{signature}00"), &signature[1..]] {
            assert!(!moota_signature_ok(secret, body, bad), "{bad}");
        }
    }
}
