//! SCRAM (RFC 5802): both sides prove that they know the password, and neither says it.

use openssl::base64::{decode_block, encode_block};
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// More rounds would keep a processor busy for minutes, whoever asks for them.
const MOST_ROUNDS: usize = 1_000_000;

/// The header of an exchange without channel binding, and the same in base64.
const HEADER: &str = "n,,";
const HEADER_BASE64: &str = "biws";

/// One login.
pub struct Exchange<'a> {
    digest: MessageDigest,
    password: &'a str,
    /// The first message without its header.
    bare: String,
    nonce: String,
}

impl<'a> Exchange<'a> {
    /// A login of this user, with a number that nobody used before.
    pub fn new(digest: MessageDigest, user: &str, password: &'a str) -> Result<Self, String> {
        let mut random = [0; 18];
        openssl::rand::rand_bytes(&mut random).map_err(told)?;
        Ok(Self::with(digest, user, password, encode_block(&random)))
    }

    fn with(digest: MessageDigest, user: &str, password: &'a str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { digest, password, bare: format!("n={user},r={nonce}"), nonce }
    }

    /// What is said first.
    pub fn first(&self) -> String {
        format!("{HEADER}{}", self.bare)
    }

    /// What is said to the server's challenge, and what it must say to that.
    pub fn last(&self, challenge: &str) -> Result<(String, String), String> {
        let part = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(rounds)) = (part("r="), part("s="), part("i=")) else {
            return Err(format!("its challenge is none: {challenge}"));
        };
        let rounds: usize = rounds.parse().unwrap_or(0);
        if !nonce.starts_with(&self.nonce) || !(1..=MOST_ROUNDS).contains(&rounds) {
            return Err("its challenge is not one for us".into());
        }
        let salt = decode_block(salt).map_err(told)?;
        let mut salted = vec![0; self.digest.size()];
        pbkdf2_hmac(self.password.as_bytes(), &salt, rounds, self.digest, &mut salted).map_err(told)?;
        let without_proof = format!("c={HEADER_BASE64},r={nonce}");
        let message = format!("{},{challenge},{without_proof}", self.bare);
        let key = self.sign(&salted, "Client Key").map_err(told)?;
        let stored = hash(self.digest, &key).map_err(told)?;
        let signature = self.sign(&stored, &message).map_err(told)?;
        let proof: Vec<u8> = key.iter().zip(&signature).map(|(key, signature)| key ^ signature).collect();
        let of_server = self.sign(&salted, "Server Key").and_then(|key| self.sign(&key, &message));
        let expected = format!("v={}", encode_block(&of_server.map_err(told)?));
        Ok((format!("{without_proof},p={}", encode_block(&proof)), expected))
    }

    fn sign(&self, key: &[u8], text: &str) -> Result<Vec<u8>, ErrorStack> {
        let key = PKey::hmac(key)?;
        let mut signer = Signer::new(self.digest, &key)?;
        signer.update(text.as_bytes())?;
        signer.sign_to_vec()
    }
}

fn told(error: ErrorStack) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        let nonce = "rOprNGfwEbeRWgbNEkqO".to_string();
        let exchange = Exchange::with(MessageDigest::sha256(), "user", "pencil", nonce);
        assert_eq!(exchange.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (last, verdict) = exchange.last(challenge).expect("an answer");
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(verdict, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        for wrong in ["", "r=other,s=QQ==,i=1", "r=rOprNGfwEbeRWgbNEkqO1,s=QQ==,i=999999999"] {
            assert!(exchange.last(wrong).is_err(), "{wrong}");
        }
    }
}
